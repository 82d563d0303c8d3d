import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from workers.compression import processor
from workers.compression.training import precision


def convolved():
    """A convolution of values that bfloat16 does not hold exactly."""
    rng = np.random.default_rng(0)
    x, kernel = (
        keras.ops.convert_to_tensor(rng.normal(size=s).astype(np.float32))
        for s in ((8, 16, 16, 16), (3, 3, 16, 16))
    )
    graph = tf.function(lambda: tf.nn.relu(keras.ops.conv(x, kernel, padding="same")))
    return graph().numpy()


@pytest.mark.skipif(not precision.has_bfloat16(), reason="this processor has no bfloat16")
def test_convolutions_are_rounded_inside_and_exact_outside():
    before = convolved()
    with precision.bfloat16_convolutions():
        rounded = convolved()
    after = convolved()
    np.testing.assert_array_equal(before, after)
    assert 1e-4 < np.abs(rounded - before).max() < 0.5


def test_a_processor_without_bfloat16_computes_in_float32(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse2 avx2\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    before = convolved()
    with precision.bfloat16_convolutions():
        np.testing.assert_array_equal(convolved(), before)


def test_networks_with_depthwise_convolutions_are_computed_in_float32():
    before = convolved()
    with precision.bfloat16_convolutions(depthwise=True):
        np.testing.assert_array_equal(convolved(), before)


@pytest.mark.skipif(not precision.has_bfloat16(), reason="this processor has no bfloat16")
def test_where_the_instructions_are_hidden_it_computes_in_float32():
    program = """
from tests.workers.compression.training.test_precision import convolved, precision
before = convolved()
with precision.bfloat16_convolutions():
    assert (convolved() == before).all()
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", program]
    root = Path(__file__).parents[4]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
