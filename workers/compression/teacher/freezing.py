"""A process that opens a teacher with one loader and writes it as a frozen graph.

    python -m workers.compression.teacher.freezing LOADER PATH OUT HEIGHT WIDTH

LOADER is ``keras``, ``tf_keras`` or ``saved_model``; HEIGHT and WIDTH are for a model that takes
any size of image. Each runs in a process of its own, because Keras 3 and Keras 2 each open files
that the other cannot, and some files end the process.

Writes OUT/graph.pb (the inference graph with its weights as constants), OUT/teacher.json and
OUT/teacher.tflite (float32; missing where the converter refuses). After an error it writes
OUT/error.json instead and ends with status REFUSED. OUT/opened says that the loader could open the
file, OUT/any_size that it takes any size of image.
"""

import json
import math
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from workers.compression import parent_death
from workers.compression.errors import CompressionError, as_compression_error, summary
from workers.compression.teacher.frozen_graph import GRAPH, outputs_for
from workers.compression.teacher.graph_checks import (
    check_layout,
    check_repeatable,
    with_flat_scores,
)
from workers.compression.teacher.loaders import (
    EXPORT_AGAIN,
    LOADERS,
    OpenedModel,
)
from workers.compression.teacher.reached import graph_nodes, operation_names
from workers.compression.teacher.safety import check_operations
from workers.compression.teacher.signature import Size, any_size_hint, unsupported_input
from workers.compression.values import Json
from workers.compression.work_folder import DONE, REFUSED

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.core.framework import graph_pb2
    from tensorflow.types.experimental import GenericFunction

DESCRIPTION, TFLITE, ERROR = "teacher.json", "teacher.tflite", "error.json"
OPENED, ANY_SIZE = "opened", "any_size"
TIMEOUT_SECONDS = 1800


def main(loader: str, path: Path, out: Path, size: Size) -> int:
    """Freeze the model at ``path``; return the exit status."""
    hint = ""
    try:
        opened = LOADERS[loader](path, size)
        (out / OPENED).touch()
        if opened.size_assumed:
            (out / ANY_SIZE).touch()
            hint = any_size_hint(opened.input.shape)
        freeze(opened, out)
    except Exception as error:
        refusal = as_compression_error(error)
        if refusal is None:
            message = summary(error)
            refusal = CompressionError("model_not_loadable", message, EXPORT_AGAIN)
        fields = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint + hint}
        (out / ERROR).write_text(json.dumps(fields))
        return REFUSED
    return DONE


def freeze(model: OpenedModel, out: Path) -> None:
    """Write graph, description and .tflite of ``model`` into the folder ``out``.

    Raises:
        CompressionError: unsupported_input or unsafe_operation.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = model.input
    if not spec.dtype.is_floating and spec.dtype not in (tf.uint8, tf.int32):
        raise unsupported_input(f"The model takes {spec.dtype.name}, not images.")
    function = with_flat_scores(model.function, spec)
    concrete = function.get_concrete_function(spec)
    check_repeatable(concrete, spec)
    frozen = convert_variables_to_constants_v2(concrete)
    output = frozen.outputs[0]
    graph = frozen.graph.as_graph_def()
    check_operations(operation_names(graph))
    check_layout(graph)
    input_shape = [_batch_size(frozen, spec), *spec.shape[1:]]
    description: Json = {
        "parameters": model.parameters or _count_constants(graph),
        "size_assumed": model.size_assumed,
        "input": _describe(frozen.inputs[0].name, input_shape, spec.dtype.name),
        "output": _describe(output.name, list(output.shape), output.dtype.name),
    }
    (out / GRAPH).write_bytes(graph.SerializeToString())
    if refusal := _convert(graph, description, spec, out / TFLITE):
        description["not_converted"] = refusal
    (out / DESCRIPTION).write_text(json.dumps(description))


def _describe(name: str, shape: list[int | None], dtype: str) -> Json:
    return {"name": name, "shape": shape, "dtype": dtype}


def _convert(
    graph: "graph_pb2.GraphDef", description: Json, spec: "tf.TensorSpec", path: Path
) -> str:
    """Write the float32 .tflite; return why the converter refused, or an empty string."""
    import tensorflow as tf

    one_image = tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name="image")
    function = tf.function(partial(outputs_for, graph, description))
    try:
        concrete = function.get_concrete_function(one_image)
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    except Exception as error:
        return summary(error)
    return ""


def _batch_size(frozen: "GenericFunction", spec: "tf.TensorSpec") -> int | None:
    """None where the graph takes any number of images, 1 where it takes only one at a time.

    Converters from other frameworks fix the batch inside the graph, whatever its input says.
    """
    import tensorflow as tf

    for images, batch in ((2, None), (1, 1)):
        with suppress(tf.errors.InvalidArgumentError):
            (answers,) = frozen(tf.zeros([images, *spec.shape[1:]], spec.dtype))
            if answers.shape[0] == images:
                return batch
    size = "x".join(map(str, spec.shape[1:]))
    raise unsupported_input(f"The model returns no scores for one image of {size}.")


def _count_constants(graph: "graph_pb2.GraphDef") -> int:
    """The weights of a model that was frozen before its upload, which has no variables."""
    import tensorflow as tf

    total = 0
    for node in graph_nodes(graph):
        if node.op != "Const":
            continue
        tensor = node.attr["value"].tensor
        size = math.prod(side.size for side in tensor.tensor_shape.dim)
        # Single numbers are arithmetic, not weights.
        if tf.as_dtype(tensor.dtype).is_floating and size > 1:
            total += size
    return total


if __name__ == "__main__":
    parent_death.signal_at_parents_death()
    signal.alarm(TIMEOUT_SECONDS)
    # TensorFlow imports JAX wherever it is installed, for a converter that is not used here; that
    # is a quarter of the time that this process needs to start.
    sys.modules["jax"] = cast(ModuleType, None)
    name, source, target, height, width = sys.argv[1:]
    sys.exit(main(name, Path(source), Path(target), (int(height), int(width))))
