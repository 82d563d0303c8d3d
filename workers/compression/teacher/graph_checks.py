"""Checks a model's function before and after it is frozen: its scores, its layout, randomness."""

from typing import TYPE_CHECKING

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.teacher.reached import graph_nodes, operation_names
from workers.compression.teacher.signature import channels_first, unsupported_input

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.core.framework import graph_pb2
    from tensorflow.types.experimental import ConcreteFunction, GenericFunction

WITH_LAYOUT = ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool", "FusedBatchNormV3")
STATE_CHANGES = {"AssignVariableOp", "AssignAddVariableOp", "RngReadAndSkip"}
ANSWERS_COMPARED = 16


def with_flat_scores(function: "GenericFunction", spec: "tf.TensorSpec") -> "GenericFunction":
    """The function, with an output (N, 1, 1, classes) or (N, classes, 1, 1) as (N, classes).

    Raises:
        CompressionError: unsupported_input for any other output.
    """
    import tensorflow as tf

    shape = function.get_concrete_function(spec).outputs[0].shape
    sides = shape.as_list()[1:] if shape.rank is not None else []
    if len(sides) == 1 and sides[0] is not None:
        return function
    if len(sides) < 2 or None in sides or sorted(sides)[-2] != 1:
        expected = "one score per class (N, classes)"
        raise unsupported_input(f"The model returns {shape}, not {expected}.")
    return tf.function(lambda image: tf.reshape(function(image), (-1, max(sides))))


def check_layout(graph: "graph_pb2.GraphDef") -> None:
    """Refuse operations whose channels come before height and width.

    Raises:
        CompressionError: channels_first.
    """
    found = {
        node.op
        for node in graph_nodes(graph)
        if node.op in WITH_LAYOUT and node.attr["data_format"].s == b"NCHW"
    }
    if found:
        raise channels_first(f"The model contains {', '.join(sorted(found))} with channels_first")


def check_repeatable(function: "ConcreteFunction", spec: "tf.TensorSpec") -> None:
    """Refuse a model that answers the same image differently each time.

    Raises:
        CompressionError: random_output.
    """
    names = set(operation_names(function.graph.as_graph_def()))
    operations = sorted(name for name in names if "Random" in name)
    if not operations:
        return
    # Generators of random numbers that keep a state could not be frozen anyway.
    if not names & STATE_CHANGES and _answers_repeat(function, spec):
        return
    message = (
        "The model changes its images at random, so it answers the same image differently each"
        f" time ({', '.join(operations)})."
    )
    hint = (
        "Export it with training=False: `archive = keras.export.ExportArchive()`,"
        " `archive.track(model)`, `archive.add_endpoint('serve', lambda x: model(x,"
        " training=False), input_signature=...)`; or upload the .keras file."
    )
    raise CompressionError("random_output", message, hint)


def _answers_repeat(function: "ConcreteFunction", spec: "tf.TensorSpec") -> bool:
    import tensorflow as tf

    for largest in (1, 255):
        noise = np.random.default_rng(0).random((1, *spec.shape[1:])) * largest
        image = tf.cast(noise, spec.dtype)
        first, *others = [_answer(function, image) for _ in range(ANSWERS_COMPARED)]
        if not all(np.allclose(first, other, rtol=1e-3, atol=1e-6) for other in others):
            return False
    return True


def _answer(function: "ConcreteFunction", image: "tf.Tensor") -> np.ndarray:
    answer = function(image)
    if isinstance(answer, list | tuple):
        answer = answer[0]
    return np.asarray(answer)
