"""Run as a process: one loader opens the teacher and leaves it frozen, the same way whatever file
it came from.

    python -m workers.compression.teacher.freezing LOADER PATH OUT

writes OUT/graph.pb (the inference graph, weights as constants), OUT/teacher.tflite (float32; absent
when the converter refuses) and OUT/teacher.json. LOADER is ``keras``, ``tf_keras`` or
``saved_model``; each gets its own process, since Keras 3 and Keras 2 each open files that the other
cannot.
"""

import json
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from workers.compression import parent_death
from workers.compression.errors import CompressionError, foreseen
from workers.compression.teacher.safety import check_operations

REFUSED = 2
FALLBACK_SIZE = 224
PATIENCE_SECONDS = 1800


def main(loader: str, path: Path, out: Path) -> int:
    try:
        function, input_spec, about = {
            "keras": _keras,
            "tf_keras": _tf_keras,
            "saved_model": _saved_model,
        }[loader](path)
        _freeze(function, input_spec, out, about)
    except Exception as error:
        told = foreseen(error) or CompressionError(
            "model_not_loadable", f"{type(error).__name__}: {error}"[:500]
        )
        (out / "error.json").write_text(
            json.dumps({"code": told.code, "message": told.message, "hint": told.hint})
        )
        return REFUSED
    return 0


def _keras(path: Path) -> tuple[Any, Any, dict[str, Any]]:
    import keras

    return _from_model(keras.saving.load_model(path, compile=False, safe_mode=True))


def _tf_keras(path: Path) -> tuple[Any, Any, dict[str, Any]]:
    import tf_keras

    return _from_model(tf_keras.models.load_model(path, compile=False))


def _from_model(model: Any) -> tuple[Any, Any, dict[str, Any]]:
    import tensorflow as tf

    _check_single(len(model.inputs), len(model.outputs))
    tensor = model.inputs[0]
    dtype = tf.as_dtype(str(getattr(tensor.dtype, "name", tensor.dtype)))
    spec = tf.TensorSpec(_filled(tuple(tensor.shape)), dtype, name="image")
    about = {"parameters": int(model.count_params()), "size_assumed": None in tensor.shape[1:3]}
    return tf.function(lambda image: model(image, training=False)), spec, about


def _saved_model(path: Path) -> tuple[Any, Any, dict[str, Any]]:
    import tensorflow as tf
    import tf_keras  # noqa: F401  (registers the Keras 2 objects without which most SavedModels do not load)

    _check_operations(path / "saved_model.pb")
    loaded = tf.saved_model.load(path)
    if not loaded.signatures:
        raise CompressionError("model_not_loadable", "The SavedModel has no serving signature.")
    signature = loaded.signatures.get("serving_default") or next(iter(loaded.signatures.values()))
    inputs = signature.structured_input_signature[1]
    _check_single(len(inputs), len(signature.structured_outputs))
    name, tensor = next(iter(inputs.items()))
    spec = tf.TensorSpec(_filled(tuple(tensor.shape)), tensor.dtype, name="image")
    output = next(iter(signature.structured_outputs))
    parameters = sum(int(tf.size(variable)) for variable in getattr(loaded, "variables", ()))
    parameters = parameters or sum(int(tf.size(v)) for v in signature.variables)
    about = {"parameters": parameters, "size_assumed": None in tuple(tensor.shape)[1:3]}
    function = tf.function(lambda image: signature(**{name: image})[output])
    function.kept = loaded
    return function, spec, about


def _check_single(inputs: int, outputs: int) -> None:
    if inputs != 1:
        raise CompressionError("several_inputs", f"The model takes {inputs} inputs.")
    if outputs != 1:
        raise CompressionError("several_outputs", f"The model returns {outputs} outputs.")


def _filled(shape: tuple[int | None, ...]) -> list[int | None]:
    """Batch left open; an unknown height or width becomes FALLBACK_SIZE pixels."""
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[-1] not in (1, 3)):
        raise CompressionError(
            "unsupported_input",
            f"The model takes {shape}, not images (N, height, width, 1 or 3) or (N, height, width).",
        )
    return [None, *(size or FALLBACK_SIZE for size in shape[1:3]), *shape[3:]]


def _check_operations(path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    for meta in saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs:
        check_operations(_operations(meta.graph_def), saver=True)


def _operations(graph: Any) -> Iterator[str]:
    return (node.op for node in _nodes(graph))


def _nodes(graph: Any) -> Iterator[Any]:
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        yield from nodes


def _freeze(function: Any, spec: Any, out: Path, about: dict[str, Any]) -> None:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    if not spec.dtype.is_floating and spec.dtype not in (tf.uint8, tf.int32):
        raise CompressionError(
            "unsupported_input", f"The model takes {spec.dtype.name}, not images."
        )
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(spec))
    output = frozen.outputs[0]
    if output.shape.rank != 2 or output.shape[1] is None:
        raise CompressionError(
            "unsupported_input",
            f"The model returns {output.shape}, not one score per class (N, classes).",
        )
    definition = frozen.graph.as_graph_def()
    check_operations(_operations(definition))
    batch = _batch(frozen, spec)
    about["parameters"] = about["parameters"] or _constants(definition)
    (out / "graph.pb").write_bytes(definition.SerializeToString())
    about |= {
        "input": {
            "name": frozen.inputs[0].name,
            "shape": [batch, *spec.shape[1:]],
            "dtype": spec.dtype.name,
        },
        "output": {"name": output.name, "shape": list(output.shape), "dtype": output.dtype.name},
    }
    single = tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name="image")
    try:
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function(single)]
        )
        (out / "teacher.tflite").write_bytes(converter.convert())
    except Exception as error:
        about["not_converted"] = f"{type(error).__name__}: {error}"[:300]
    (out / "teacher.json").write_text(json.dumps(about))


def _batch(frozen: Any, spec: Any) -> int | None:
    """None where it takes any, 1 where one image alone has an answer: graphs of other frameworks
    may fix the batch.
    """
    import tensorflow as tf

    for images, batch in ((2, None), (1, 1)):
        with suppress(tf.errors.InvalidArgumentError):
            (answers,) = frozen(tf.zeros([images, *spec.shape[1:]], spec.dtype))
            if answers.shape[0] == images:
                return batch
    size = "x".join(str(side) for side in spec.shape[1:])
    raise CompressionError("unsupported_input", f"The model has no answer for one image of {size}.")


def _constants(graph: Any) -> int:
    """Weights of a model that was frozen before it was uploaded: it has no variables."""
    import tensorflow as tf

    values = (node.attr["value"].tensor for node in _nodes(graph) if node.op == "Const")
    sizes = (
        math.prod(side.size for side in each.tensor_shape.dim)
        for each in values
        if tf.as_dtype(each.dtype).is_floating
    )
    return sum(size for size in sizes if size > 1)


if __name__ == "__main__":
    parent_death.signal_at_parents_death()
    signal.alarm(PATIENCE_SECONDS)
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
