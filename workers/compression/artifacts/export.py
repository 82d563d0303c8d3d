"""A trained student becomes .tflite files: full int8 as it was trained, or its float weights in
another precision.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from workers.compression.students.families import network
from workers.compression.values import INPUT_MEAN, INPUT_STD, LEAST_REACH, Artifact, Student, Unit

INPUT_LOW, INPUT_HIGH = (0 - INPUT_MEAN) / INPUT_STD, (255 - INPUT_MEAN) / INPUT_STD
WEIGHT_BITS = {"int8": 8, "int4": 4}
ACTIVATIONS = {None: lambda x: x, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


class Exported:
    """The vocabulary of families.py in constants; with ``bits`` for the weights, TensorFlow's own
    fake-quantization, which the converter reads."""

    def __init__(self, student: Student, bits: int | None):
        self.student, self.bits = student, bits

    def unit(self, x: Any, unit: Unit) -> Any:
        found = self.student.convolutions[unit.name]
        padding = unit.padding.upper()
        if unit.depthwise:
            # The converter keeps a scale per channel only in its own layout, channels last.
            kernel = tf.reshape(self._kernel(found.kernel[None, ..., 0]), found.kernel.shape)
            x = tf.nn.depthwise_conv2d(x, kernel, (1, unit.stride, unit.stride, 1), padding)
        else:
            x = tf.nn.conv2d(x, self._kernel(found.kernel), unit.stride, padding)
        return self._ranged(ACTIVATIONS[unit.activation](x + found.bias), found.low, found.high)

    def add(self, x: Any, y: Any, name: str, activation: str | None = "relu") -> Any:
        return self._ranged(ACTIVATIONS[activation](x + y), *self.student.ranges[name])

    def mean(self, x: Any, name: str) -> Any:
        return self._ranged(
            tf.reduce_mean(x, axis=(1, 2), keepdims=True), *self.student.ranges[name]
        )

    def pool(
        self,
        x: Any,
        name: str,
        kind: str,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: str,
    ) -> Any:
        if kind == "max":
            return tf.nn.max_pool2d(x, size, stride, padding.upper())
        return self._ranged(
            tf.nn.avg_pool2d(x, size, stride, padding.upper()), *self.student.ranges[name]
        )

    def pad(self, x: Any, name: str, pads: tuple[tuple[int, int], tuple[int, int]]) -> Any:
        return tf.pad(x, ((0, 0), *pads, (0, 0)))

    def flat(self, x: Any) -> Any:
        return tf.reshape(x, (-1, x.shape[-1]))

    def logits(self, images: Any) -> Any:
        """Logits (N, classes) of scaled images (N, height, width, channels)."""
        return network(self, self._ranged(images, INPUT_LOW, INPUT_HIGH), self.student.plan)

    def answers(self, images: Any) -> Any:
        """What the file returns: probabilities (N, classes)."""
        return self._ranged(tf.nn.softmax(self.logits(images)), 0.0, 255 / 256)

    def _kernel(self, kernel: np.ndarray) -> Any:
        if self.bits is None:
            return tf.constant(kernel)
        reach = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
        reach = np.maximum(reach, LEAST_REACH * (reach.max() or 1.0))
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(
            tf.constant(kernel), -reach, reach, num_bits=self.bits, narrow_range=True
        )

    def _ranged(self, x: Any, low: float, high: float) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high) if self.bits else x


def export(student: Student, quantization: str, folder: Path) -> Artifact:
    """Write one .tflite below ``folder``.

    ``int8`` takes and returns uint8, and its ranges are those of the training, so no data is
    needed; ``int4`` is the same with weights of 4 bits. The others take scaled images and return
    probabilities in float32: ``int8_dynamic`` has int8 weights, ``float16`` and ``float32`` have
    weights of that type.
    """
    bits = WEIGHT_BITS.get(quantization)
    spec = tf.TensorSpec([1, *student.plan.input_shape], tf.float32, name="image")
    function = tf.function(Exported(student, bits).answers)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(spec)]
    )
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if bits:
        converter._experimental_low_bit_qat = bits < 8
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    path = folder / student.plan.file(quantization)
    path.write_bytes(converter.convert())
    parameters = sum(unit.kernel.size + unit.bias.size for unit in student.convolutions.values())
    return Artifact(student.plan, quantization, path, int(parameters), student.float32_top1)
