"""Quantization-aware training: students learn in the arithmetic of the int8 file.

Jacob et al. 2018, section 3.
"""

from collections.abc import Iterable

import keras
import numpy as np

from workers.compression.errors import training_diverged
from workers.compression.student_values import FoldedConvolution, Student, StudentPlan
from workers.compression.training.convolutions import Convolution
from workers.compression.training.networks import StudentLayers
from workers.compression.training.quantizer import Quantizer

CALIBRATION_BATCHES = 20
MIN_RANGE = 1e-3


def set_mode(students: Iterable[StudentLayers], mode: str, weight_bits: int = 8) -> None:
    """Set all layers to ``float``, ``calibrate`` or ``quantized``.

    Activations always have 8 bits. Compile the model again afterwards.
    """
    for student in students:
        for convolution in student.convolutions.values():
            convolution.mode = convolution.quantizer.mode = mode
            convolution.weight_bits = weight_bits
        for quantizer in student.quantizers.values():
            quantizer.mode = mode


def calibrate(
    model: keras.Model,
    students: Iterable[StudentLayers],
    batches: Iterable[dict[str, np.ndarray]],
) -> None:
    """Find the range of every tensor on ``batches`` of the model's inputs."""
    set_mode(students, "calibrate")
    for batch in batches:
        model(batch, training=True)


def fold_student(plan: StudentPlan, layers: StudentLayers, float32_top1: float) -> Student:
    """The student as constants for export: folded convolutions, and the ranges of other tensors."""
    convolutions, ranges = {}, {}
    for name, convolution in layers.convolutions.items():
        convolutions[name] = _fold(convolution)
    for name, quantizer in layers.quantizers.items():
        ranges[name] = _range(quantizer)
    return Student(plan, convolutions, ranges, float32_top1)


def _fold(convolution: Convolution) -> FoldedConvolution:
    kernel, bias = convolution.fold()
    # Weights trained at 4 bits keep those 16 levels in the 8-bit file.
    if convolution.weight_bits < 8:
        kernel = convolution.quantize_kernel(kernel)
    kernel, bias = np.asarray(kernel, np.float32), np.asarray(bias, np.float32)
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise training_diverged("The training diverged: a weight is not finite.")
    low, high = _range(convolution.quantizer)
    return FoldedConvolution(kernel, bias, low, high)


def _range(quantizer: Quantizer) -> tuple[float, float]:
    low, high = float(np.asarray(quantizer.low)), float(np.asarray(quantizer.high))
    # A tensor that is always zero gets a range too, because a scale cannot be zero.
    return low, max(high, low + MIN_RANGE)
