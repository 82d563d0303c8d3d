"""Runs the graph that freezing.py wrote."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workers.compression.values import Json

if TYPE_CHECKING:
    import tensorflow as tf

GRAPH = "graph.pb"

GraphFunction = Callable[["tf.Tensor"], "tf.Tensor"]
"""From scaled examples (N, *input_shape) to raw outputs (N, outputs)."""


def open_graph(folder: Path, description: Json) -> GraphFunction:
    """The graph in ``folder`` as a function.

    ``description`` is the content of teacher.json. TensorFlow is imported at the first call,
    because an inspection makes none.
    """
    shape, dtype = description["input"]["shape"][1:], description["input"]["dtype"]

    @cache
    def load() -> GraphFunction:
        import tensorflow as tf

        definition = tf.compat.v1.GraphDef.FromString((folder / GRAPH).read_bytes())
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(definition, name=""), []
        )
        graph = wrapped.graph
        run = wrapped.prune(
            graph.as_graph_element(description["input"]["name"]),
            graph.as_graph_element(description["output"]["name"]),
        )
        return lambda examples: run(tf.cast(tf.reshape(examples, (-1, *shape)), dtype))

    return lambda examples: load()(examples)
