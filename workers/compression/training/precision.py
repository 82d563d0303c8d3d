"""Convolutions in bfloat16 where the processor multiplies it: a training in float takes a third
less.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

CPUINFO = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


@contextmanager
def bfloat16_convolutions(depthwise: bool = False) -> Iterator[None]:
    """TensorFlow rounds what convolutions take to 8 bits of mantissa; weights, sums and statistics
    stay float32.

    Training does not mind (Kalamkar et al. 2019, section 4; docs/experiments.md). Quantized levels
    times their scale are not exact in bfloat16, so quantization-aware training is no place for it.
    Nor are networks with ``depthwise`` convolutions, whose steps take two to four times longer.
    """
    if depthwise or keras.backend.backend() != "tensorflow" or not _multiplied():
        yield
        return
    import tensorflow as tf

    option = "auto_mixed_precision_onednn_bfloat16"
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: False})


def _multiplied() -> bool:
    return CPUINFO.exists() and bool(INSTRUCTIONS & set(CPUINFO.read_text().split()))
