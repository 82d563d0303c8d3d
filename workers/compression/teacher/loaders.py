"""Opens a model file as a TensorFlow function: Keras 3, Keras 2 (tf_keras) or SavedModel.

Runs only in the process of freezing.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.compression.errors import CompressionError
from workers.compression.teacher.keras_loading import open_with_keras_2, open_with_keras_3
from workers.compression.teacher.reached import SERVING_SIGNATURE, reached_operations
from workers.compression.teacher.safety import check_operations
from workers.compression.teacher.signature import (
    Size,
    check_counts,
    complete_shape,
    is_size_assumed,
)

if TYPE_CHECKING:
    import tensorflow as tf

EXPORT_AGAIN = "Save the model again with a current Keras, or export it as a SavedModel."


@dataclass(frozen=True)
class OpenedModel:
    """A model as a function; ``parameters`` is 0 where a frozen SavedModel has no variables.

    ``input`` has the size that was given to the loader where the model takes any (size_assumed).
    """

    function: "tf.types.experimental.GenericFunction"
    input: "tf.TensorSpec"
    parameters: int
    size_assumed: bool


def open_keras(path: Path, size: Size) -> OpenedModel:
    """Open a .keras or HDF5 file with Keras 3."""
    return _from_keras_model(open_with_keras_3(path), size)


def open_tf_keras(path: Path, size: Size) -> OpenedModel:
    """Open a .keras or HDF5 file with Keras 2."""
    return _from_keras_model(open_with_keras_2(path), size)


def open_saved_model(path: Path, size: Size) -> OpenedModel:
    """Open a SavedModel folder through its serving signature."""
    import tensorflow as tf
    import tf_keras  # noqa: F401  (most SavedModels need the Keras 2 classes that it registers)

    _check_graphs(path / "saved_model.pb")
    loaded = tf.saved_model.load(path)
    if not loaded.signatures:
        message = "The SavedModel has no serving signature."
        raise CompressionError("model_not_loadable", message, EXPORT_AGAIN)
    signature = loaded.signatures.get(SERVING_SIGNATURE) or next(iter(loaded.signatures.values()))
    inputs = signature.structured_input_signature[1]
    check_counts(len(inputs), len(signature.structured_outputs))
    name, tensor = next(iter(inputs.items()))
    output = next(iter(signature.structured_outputs))
    function = tf.function(lambda image: signature(**{name: image})[output])
    function.loaded = loaded  # else TensorFlow frees the variables
    shape = tuple(tensor.shape)
    spec = tf.TensorSpec(complete_shape(shape, size), tensor.dtype, name="image")
    parameters = _count_variables(getattr(loaded, "variables", ()))
    parameters = parameters or _count_variables(signature.variables)
    return OpenedModel(function, spec, parameters, is_size_assumed(shape))


LOADERS: dict[str, Callable[[Path, Size], OpenedModel]] = {
    "keras": open_keras,
    "tf_keras": open_tf_keras,
    "saved_model": open_saved_model,
}


def _from_keras_model(model: Any, size: Size) -> OpenedModel:
    import tensorflow as tf

    check_counts(len(model.inputs), len(model.outputs))
    tensor = model.inputs[0]
    shape = tuple(tensor.shape)
    dtype = tf.as_dtype(str(getattr(tensor.dtype, "name", tensor.dtype)))
    spec = tf.TensorSpec(complete_shape(shape, size), dtype, name="image")
    function = tf.function(lambda image: model(image, training=False))
    return OpenedModel(function, spec, int(model.count_params()), is_size_assumed(shape))


def _check_graphs(path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    for meta in saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs:
        check_operations(reached_operations(meta), allow_saver=True)


def _count_variables(variables: Any) -> int:
    import tensorflow as tf

    return sum(int(tf.size(variable)) for variable in variables)
