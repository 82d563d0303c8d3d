"""Runs the graph that freezing.py wrote."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workers.compression.values import Json

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.core.framework import graph_pb2

GRAPH = "graph.pb"

GraphFunction = Callable[[np.ndarray], "tf.Tensor"]
"""From scaled examples (N, *input_shape) to raw outputs (N, outputs)."""


def open_graph(folder: Path, description: Json) -> GraphFunction:
    """The graph in ``folder`` as a function of any number of examples.

    ``description`` is the content of teacher.json. TensorFlow is imported at the first call,
    because an inspection makes none.
    """

    @cache
    def load() -> GraphFunction:
        import tensorflow as tf

        definition = read(folder)
        spec = tf.TensorSpec([None, *description["input"]["shape"][1:]], tf.float32)
        run: GraphFunction = tf.function(
            lambda examples: outputs_for(definition, description, examples), input_signature=[spec]
        )
        return run

    shape = description["input"]["shape"][1:]
    return lambda examples: load()(examples.reshape(-1, *shape))


def read(folder: Path) -> "graph_pb2.GraphDef":
    """The graph in ``folder``."""
    import tensorflow as tf

    return tf.compat.v1.GraphDef.FromString((folder / GRAPH).read_bytes())


def outputs_for(
    definition: "graph_pb2.GraphDef", description: Json, examples: "tf.Tensor"
) -> "tf.Tensor":
    """The graph's raw outputs for ``examples``, as a part of the function that is being traced.

    All shapes in it follow from that of the examples. In a graph that is called, those of its own
    trace would stay: then a converter cannot compute them beforehand.
    """
    import tensorflow as tf

    source, target = description["input"]["name"], description["output"]["name"]
    shape, dtype = description["input"]["shape"][1:], description["input"]["dtype"]
    if list(examples.shape[1:]) != shape:
        examples = tf.reshape(examples, (-1, *shape))
    (outputs,) = tf.graph_util.import_graph_def(
        definition,
        input_map={source: tf.cast(examples, dtype)},
        return_elements=[target],
        name="teacher",
    )
    return outputs
