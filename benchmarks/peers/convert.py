"""The TFLite converter as its guide uses it, for models of Keras 3 and Keras 2."""

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.peers import images

IMAGE = tf.TensorSpec([1, 32, 32, 3], tf.float32, name="image")


def converted(model: Any, kind: str) -> bytes:
    """The .tflite of a Keras model, standardized image (1, 32, 32, 3) to probabilities (1, 10).

    ``kind`` is ``float32``, ``dynamic`` (weights int8), ``int8`` (ranges from 500 training images)
    or ``trained`` (ranges that quantization-aware training left in the graph); the latter two take
    and return uint8.
    """
    with tempfile.TemporaryDirectory() as folder:
        _save(model, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "int8":
            converter.representative_dataset = _sample
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if kind in ("int8", "trained"):
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        file: bytes = converter.convert()
        return file


def _save(model: Any, folder: str) -> None:
    """Save for one image at a time; an open batch would add up to 2 KB to the file."""
    if type(model).__module__.startswith("tf_keras"):
        infer = tf.function(lambda image: model(image, training=False))
        tf.saved_model.save(model, folder, signatures=infer.get_concrete_function(IMAGE))
    else:
        model.export(folder, format="tf_saved_model", input_signature=[IMAGE], verbose=False)


def _sample() -> Iterator[list[np.ndarray]]:
    for image in images.sample(images.STANDARDIZED):
        yield [image[None]]
