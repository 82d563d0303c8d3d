"""Quantization-aware training: from float to the exact arithmetic of the int8 file (Jacob et al.
2018, section 3).
"""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from workers.compression.errors import diverged
from workers.compression.values import Folded, Student, StudentPlan

CALIBRATION_BATCHES = 20
LEAST_RANGE = 1e-3


def set_mode(layers: Iterable[Any], mode: str, bits: int = 8) -> None:
    """Switch the students' layers to ``float``, ``calibrate`` or ``quantized``; compile the model
    again afterwards.

    ``bits`` are those of the weights; activations have 8.
    """
    for vocabulary in layers:
        for unit in vocabulary.convolutions.values():
            unit.mode = unit.quantizer.mode = mode
            unit.bits = bits
        for quantizer in vocabulary.quantizers.values():
            quantizer.mode = mode


def calibrate(
    joint: keras.Model, layers: Iterable[Any], inputs: Iterable[dict[str, np.ndarray]]
) -> None:
    """Find every tensor's range on batches of ``inputs``, normalization as at inference."""
    set_mode(layers, "calibrate")
    for batch in inputs:
        joint(batch, training=True)


def quantized(plan: StudentPlan, layers: Any, float32_top1: float) -> Student:
    """The student as constants: its folded convolutions and the ranges of its tensors, ready for
    export.
    """
    convolutions = {name: _folded(unit) for name, unit in layers.convolutions.items()}
    return Student(
        plan,
        convolutions,
        {name: _range(found) for name, found in layers.quantizers.items()},
        float32_top1,
    )


def _folded(unit: Any) -> Folded:
    """What a training for few bits rounded stays so in files of more: the network has learnt to
    answer with that.
    """
    kernel, bias = unit.folded()
    if unit.bits < 8:
        kernel = unit.rounded(kernel)
    kernel, bias = (np.asarray(part, np.float32) for part in (kernel, bias))
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise diverged("The training diverged: a weight is not finite.")
    return Folded(kernel, bias, *_range(unit.quantizer))


def _range(quantizer: Any) -> tuple[float, float]:
    """The tracked range; that of a tensor which is always zero is widened, since a scale cannot be
    zero.
    """
    low, high = float(np.asarray(quantizer.low)), float(np.asarray(quantizer.high))
    return low, max(high, low + LEAST_RANGE)
