"""A trained student becomes one full-int8 .tflite with uint8 input (pixels) and uint8 output (probabilities)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from workers.compression.values import Artifact, Student, StudentPlan

Network = Callable[[Any, Any, StudentPlan], Any]
INPUT_LOW, INPUT_HIGH = -128 / 127.5, 127 / 127.5


class Exported:
    """The vocabulary of networks.py in constants and TensorFlow's own fake-quantization, which the converter reads."""

    def __init__(self, student: Student):
        self.student = student

    def conv(self, x: Any, name: str, filters: int, size: int, stride: int = 1, relu: bool = True) -> Any:
        unit = self.student.convolutions[name]
        reach = np.abs(unit.kernel).max(axis=(0, 1, 2)) + 1e-8
        kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            tf.constant(unit.kernel), -reach, reach, narrow_range=True
        )
        x = tf.nn.conv2d(x, kernel, strides=stride, padding="SAME") + unit.bias
        return _ranged(tf.nn.relu(x) if relu else x, unit.low, unit.high)

    def add(self, x: Any, y: Any, name: str) -> Any:
        return _ranged(tf.nn.relu(x + y), *self.student.ranges[name])

    def mean(self, x: Any, name: str) -> Any:
        return _ranged(tf.reduce_mean(x, axis=(1, 2), keepdims=True), *self.student.ranges[name])

    def head(self, x: Any, name: str, classes: int) -> Any:
        return tf.reshape(self.conv(x, name, classes, 1, relu=False), (-1, classes))


def logits(student: Student, network: Network) -> Callable[[Any], Any]:
    """The quantized student as a function: scaled images (N, height, width, channels) to logits (N, classes)."""
    return lambda images: network(Exported(student), _ranged(images, INPUT_LOW, INPUT_HIGH), student.plan)


def export(student: Student, network: Network, folder: Path) -> Artifact:
    """Write ``folder``/VARIANT.tflite; the graph's fake quantization decides every scale, so no data is needed."""
    spec = tf.TensorSpec([1, *student.plan.input_shape], tf.float32, name="image")
    infer = logits(student, network)
    function = tf.function(lambda image: _ranged(tf.nn.softmax(infer(image)), 0.0, 255 / 256)).get_concrete_function(
        spec
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path = folder / f"{student.plan.variant}.tflite"
    path.write_bytes(converter.convert())
    parameters = sum(unit.kernel.size + unit.bias.size for unit in student.convolutions.values())
    return Artifact(student.plan, path, int(parameters), student.float32_top1)


def _ranged(x: Any, low: float, high: float) -> Any:
    return tf.quantization.fake_quant_with_min_max_vars(x, low, high)
