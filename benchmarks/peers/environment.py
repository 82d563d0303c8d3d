"""A Python environment for peers that need Keras 2 and its tools."""

import os
import subprocess
from pathlib import Path

from benchmarks.environments import python

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "ai-edge-quantizer>=0.10,<0.11",
    "pillow",
    "tensorflow>=2.21,<2.22",
    "tensorflow-model-optimization==0.8.1",
    "tf-keras>=2.21,<2.22",
)


def run(root: Path, module: str, *arguments: object) -> None:
    """Run a module of this package in the environment below ``root``, which is made if missing.

    Raises:
        subprocess.CalledProcessError: if the module fails.
    """
    legacy = {
        "TF_USE_LEGACY_KERAS": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    interpreter = python(root / "environment", PACKAGES)
    command = [interpreter, "-m", f"benchmarks.peers.{module}", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | legacy)
