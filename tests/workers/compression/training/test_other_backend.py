import json
import os
import subprocess
import sys
from pathlib import Path


def test_training_pruning_and_quantization_run_on_jax(tmp_path):
    out = tmp_path / "found.json"
    command = [
        sys.executable,
        "-m",
        "tests.workers.compression.training.train_on_backend",
        str(out),
    ]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[4], check=True, capture_output=True
    )
    found = json.loads(out.read_text())
    assert found["backend"] == "jax"
    assert found["top1"]["large_top1"] > 0.8
    assert all(0.45 < share < 0.55 for share in found["zeros"].values())
