"""The graph that freezing.py left, as a function."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


def opened(folder: Path, about: dict[str, Any]) -> Callable[[Any], Any]:
    """Scaled images (N, height, width, channels) to raw outputs (N, outputs), both tensors;
    ``about`` is teacher.json.

    TensorFlow is imported at the first call, since an inspection makes none.
    """
    shape, dtype = about["input"]["shape"][1:], about["input"]["dtype"]

    @cache
    def graph() -> Callable[[Any], Any]:
        import tensorflow as tf

        definition = tf.compat.v1.GraphDef.FromString((folder / "graph.pb").read_bytes())
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(definition, name=""), []
        )
        ends = [wrapped.graph.as_graph_element(about[end]["name"]) for end in ("input", "output")]
        run = wrapped.prune(*ends)
        return lambda images: run(tf.cast(tf.reshape(images, (-1, *shape)), dtype))

    return lambda images: graph()(images)
