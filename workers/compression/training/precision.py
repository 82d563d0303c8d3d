"""Convolutions in bfloat16 where the processor has instructions for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from workers.compression import processor

OPTION = "auto_mixed_precision_onednn_bfloat16"
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


@contextmanager
def bfloat16_convolutions(depthwise: bool = False) -> Iterator[None]:
    """Let TensorFlow round the inputs of convolutions to bfloat16; all else stays float32.

    That takes a third off the processor time of a float training and costs no accuracy (Kalamkar et
    al. 2019, section 4; docs/experiments.md, "what the small students see of a batch"). It is not
    for quantization-aware training, whose values bfloat16 does not hold exactly, and not for
    networks with ``depthwise`` convolutions, which take two to four times longer with it
    ("depthwise convolutions in bfloat16").
    """
    if depthwise or keras.backend.backend() != "tensorflow" or not has_bfloat16():
        yield
        return
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({OPTION: True})
    try:
        # Where instructions are hidden from oneDNN (ONEDNN_MAX_CPU_ISA), every convolution fails.
        if not _convolves():
            tf.config.optimizer.set_experimental_options({OPTION: False})
        yield
    finally:
        tf.config.optimizer.set_experimental_options({OPTION: False})


def _convolves() -> bool:
    """Whether a convolution can be computed with TensorFlow's present options."""
    import tensorflow as tf

    x, kernel = tf.ones((8, 16, 16, 16)), tf.ones((3, 3, 16, 16))
    try:
        tf.function(lambda: tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")))()
    except tf.errors.OpError:
        return False
    return True


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16."""
    return bool(INSTRUCTIONS & set(processor.instructions()))
