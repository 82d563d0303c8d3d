"""Computes a teacher's graph and its .tflite without the engine's code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from workers.compression.graph import INPUT, Node, TeacherGraph

OPERATIONS: dict[str, Callable[[Node, list], tf.Tensor]] = {
    "conv": lambda node, x: (
        tf.nn.conv2d(x[0], node.kernel, node.stride, node.padding.upper()) + node.bias
    ),
    "depthwise": lambda node, x: (
        tf.nn.depthwise_conv2d(x[0], node.kernel, (1, *node.stride, 1), node.padding.upper())
        + node.bias
    ),
    "add": lambda node, x: x[0] + x[1],
    "mean": lambda node, x: tf.reduce_mean(x[0], (1, 2), keepdims=True),
    "max_pool": lambda node, x: tf.nn.max_pool2d(
        x[0], node.size, node.stride, node.padding.upper()
    ),
    "average_pool": lambda node, x: tf.nn.avg_pool2d(
        x[0], node.size, node.stride, node.padding.upper()
    ),
    "pad": lambda node, x: tf.pad(x[0], ((0, 0), *node.pads, (0, 0))),
}
ACTIVATIONS = {None: tf.identity, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


def logits(
    graph: TeacherGraph, images: np.ndarray, kept: Callable[[int], np.ndarray] = np.ones
) -> np.ndarray:
    """The logits of the graph, node by node.

    ``kept(channels)`` is 1 for the channels of a group that stay and 0 for the others.
    """
    values = {INPUT: tf.reshape(images, (-1, *graph.input_shape))}
    for node in graph.nodes:
        value = OPERATIONS[node.kind](node, [values[name] for name in node.inputs])
        assert value.shape[-1] == node.channels
        mask = kept(node.channels) if node.group else 1.0
        values[node.name] = ACTIVATIONS[node.activation](value) * tf.cast(mask, tf.float32)
    return value.numpy()[:, 0, 0]


def answers(tflite: Path, images: np.ndarray) -> np.ndarray:
    """The outputs of the file, image by image."""
    interpreter = Interpreter(str(tflite))
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def answer(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry["index"], image.reshape(entry["shape"]).astype(entry["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(end["index"])[0]

    return np.stack([answer(image) for image in images])
