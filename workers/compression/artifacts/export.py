"""Exports a trained student as .tflite files: int8 as it was trained, or other number formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from workers.compression.graph import Activation, Node, Pads
from workers.compression.images import pixels
from workers.compression.recipe import Recipe
from workers.compression.student_values import MIN_FILTER_RANGE, Artifact, ConvSpec, Student
from workers.compression.students.families import build_network

WEIGHT_BITS = {"int8": 8, "int4": 4}
FLOAT_QUANTIZATIONS = ("int8_dynamic", "float16", "float32")
"""Files with a float32 input and output."""
MAX_PROBABILITY = 255 / 256
"""The range of a uint8 output, with a scale of 1 / 256 and a zero point of 0."""
ACTIVATIONS: dict[Activation, Callable[[tf.Tensor], tf.Tensor]] = {
    None: lambda x: x,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
}


class ConstantNetwork:
    """A NetworkBuilder that computes with a student's constants.

    With ``weight_bits``, weights and activations are fake-quantized by TensorFlow's own operations,
    from which the converter takes the ranges.
    """

    def __init__(self, student: Student, weight_bits: int | None):
        self.student = student
        self.weight_bits = weight_bits

    def conv(self, x: tf.Tensor, spec: ConvSpec) -> tf.Tensor:
        constants = self.student.convolutions[spec.name]
        padding = spec.padding.upper()
        if spec.depthwise:
            # The converter keeps one scale per channel only if the channels are the last axis.
            kernel = self._kernel(constants.kernel[None, ..., 0])
            kernel = tf.reshape(kernel, constants.kernel.shape)
            strides = (1, spec.stride, spec.stride, 1)
            y = tf.nn.depthwise_conv2d(x, kernel, strides, padding)
        else:
            y = tf.nn.conv2d(x, self._kernel(constants.kernel), spec.stride, padding)
        y = ACTIVATIONS[spec.activation](y + constants.bias)
        return self._quantize(y, constants.low, constants.high)

    def add(
        self, x: tf.Tensor, y: tf.Tensor, name: str, activation: Activation = "relu"
    ) -> tf.Tensor:
        return self._quantize(ACTIVATIONS[activation](x + y), *self.student.ranges[name])

    def mean(self, x: tf.Tensor, name: str) -> tf.Tensor:
        mean = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        return self._quantize(mean, *self.student.ranges[name])

    def max_pool(self, x: tf.Tensor, window: Node) -> tf.Tensor:
        return tf.nn.max_pool2d(x, window.size, window.stride, window.padding.upper())

    def average_pool(self, x: tf.Tensor, window: Node) -> tf.Tensor:
        y = tf.nn.avg_pool2d(x, window.size, window.stride, window.padding.upper())
        return self._quantize(y, *self.student.ranges[window.name])

    def pad(self, x: tf.Tensor, name: str, pads: Pads) -> tf.Tensor:
        return tf.pad(x, ((0, 0), *pads, (0, 0)))

    def flatten(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, (-1, x.shape[-1]))

    def logits(self, x: tf.Tensor) -> tf.Tensor:
        """Logits (N, classes) of the scaled input (N, height, width, channels)."""
        x = self._quantize(x, pixels.LOW, pixels.HIGH)
        if x.shape[-1] != self.student.plan.input_shape[-1]:
            x = self._quantize(self._grey(x), pixels.LOW, pixels.HIGH)
        return build_network(self, x, self.student.plan)

    def probabilities(self, x: tf.Tensor) -> tf.Tensor:
        """What the file returns, (N, classes)."""
        return self._quantize(tf.nn.softmax(self.logits(x)), 0.0, MAX_PROBABILITY)

    def _grey(self, x: tf.Tensor) -> tf.Tensor:
        """The mean of the three channels, exact where they are equal: a convolution with 1/3."""
        kernel = np.full((1, 1, 3, 1), 1 / 3, np.float32)
        return tf.nn.conv2d(x, self._kernel(kernel), 1, "VALID")

    def _kernel(self, kernel: np.ndarray) -> tf.Tensor:
        if self.weight_bits is None:
            return tf.constant(kernel)
        limit = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
        limit = np.maximum(limit, MIN_FILTER_RANGE * (limit.max() or 1.0))
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(
            tf.constant(kernel), -limit, limit, num_bits=self.weight_bits, narrow_range=True
        )

    def _quantize(self, x: tf.Tensor, low: float, high: float) -> tf.Tensor:
        if self.weight_bits is None:
            return x
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high)


def export_students(students: list[Student], recipe: Recipe, folder: Path) -> list[Artifact]:
    """Write all files of all students below ``folder``, named after their plans."""
    artifacts = []
    for student in students:
        for quantization in recipe.quantizations:
            name = recipe.row_name(student.plan.name, quantization)
            path = folder / f"{name}.tflite"
            export_student(student, quantization, path, recipe.keep_grey)
            artifacts.append(_artifact(student, quantization, recipe, path))
    return artifacts


def export_student(
    student: Student, quantization: str, path: Path, keep_grey: bool = False
) -> None:
    """Write one .tflite.

    ``int8`` takes and returns uint8; its ranges come from the training, so no data is needed.
    ``int4`` is the same with weights of 4 bits. The others take scaled images and return
    probabilities, both float32: ``int8_dynamic`` has int8 weights, ``float16`` and ``float32`` have
    weights of that type. A student of grey images takes RGB, unless ``keep_grey``.
    """
    bits = WEIGHT_BITS.get(quantization)
    height, width, channels = student.plan.input_shape
    shape = (1, height, width, channels if keep_grey else 3)
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    function = tf.function(ConstantNetwork(student, bits).probabilities)
    concrete = function.get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if bits:
        converter._experimental_low_bit_qat = bits < 8
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    path.write_bytes(converter.convert())


def _artifact(student: Student, quantization: str, recipe: Recipe, path: Path) -> Artifact:
    return Artifact(
        name=recipe.row_name(student.plan.variant, quantization),
        plan=student.plan,
        quantization=quantization,
        path=path,
        parameters=count_parameters(student),
        float32_top1=student.float32_top1,
    )


def count_parameters(student: Student) -> int:
    """Weights and biases."""
    return int(sum(each.kernel.size + each.bias.size for each in student.convolutions.values()))
