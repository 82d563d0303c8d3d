"""The teacher itself in int8, without any training: what a user could have had at once."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from workers.compression.values import Artifact, Split, Teacher

CALIBRATION_IMAGES = 200
NAME = "teacher"


def export(
    teacher: Teacher, scaling: tuple[np.ndarray, np.ndarray], output: str, train: Split, folder: Path
) -> Artifact | None:
    """Write the teacher as a full-int8 .tflite with uint8 in and out, or None where the converter refuses.

    ``scaling`` is the matrix and offset from a student's scaled pixels to the teacher's input, ``output`` what the
    teacher returns; the ranges of its tensors are those found on training images (post-training quantization).
    """
    matrix, offset = scaling

    def infer(image: Any) -> Any:
        scaled = tf.nn.conv2d(image, matrix[None, None], 1, "VALID") + offset
        found = teacher.graph(scaled)
        return tf.nn.softmax(found) if output == "logits" else found

    height, width, channels = teacher.input_shape
    spec = tf.TensorSpec([1, height, width, channels], tf.float32, name="image")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([tf.function(infer).get_concrete_function(spec)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in _examples(train))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path = folder / f"{NAME}-{height}x{width}x{channels}-int8.tflite"
    try:
        path.write_bytes(converter.convert())
    except Exception:  # the converter's own errors have no common type
        return None
    return Artifact(None, "int8", path, teacher.parameters, None)


def _examples(train: Split) -> Any:
    """Images spread over the training set, scaled as for a student; two corners show black and white."""
    for row in np.linspace(0, len(train) - 1, min(CALIBRATION_IMAGES, len(train))).astype(int):
        image = train.images[row].copy()
        image[0, 0], image[-1, -1] = 0, 255
        yield (image[None].astype(np.float32) - 128.0) / 127.5
