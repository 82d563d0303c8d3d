"""Checks what a model file contains before it is loaded: only Keras layers and tensor arithmetic.

The sandbox protects the worker in any case; these checks tell the user by name what is refused.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from workers.compression.errors import CompressionError
from workers.compression.values import Json

KERAS_MODULES = (
    "keras.",
    "tf_keras.",
    "tensorflow.keras.",
    "tensorflow.python.keras.",
    "builtins.",
)
LAMBDA_CLASSES = ("Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__")
KERAS_2_CLASSES = frozenset(
    {
        "Model",
        "Functional",
        "Sequential",
        "Policy",
        "DTypePolicy",
        "BatchNormalizationV1",
        "BatchNormalizationV2",
        "ThresholdedReLU",
        "LocallyConnected1D",
        "LocallyConnected2D",
    }
)
"""Classes in files of Keras 1 and 2, which name no module, that Keras 3 no longer has."""
OUTSIDE_OPERATIONS = re.compile(
    "ReadFile|WriteFile|MatchingFiles|PyFunc|Reader|Dataset|Iterator|Queue|Summary|Debug|Print|Rpc"
    "|Dump|ImmutableConst|LoadAndRemap|^Save|^Restore|MergeV2Checkpoints|^DistributedSave"
    "|FromTextFile|VocabRemapping|FixedUnigram|^_?(Host)?(Send|Recv)$|RemoteCall|FileSystem|^Abort$"
)
"""TensorFlow operations that read or write outside the graph."""
SAVER_OPERATIONS = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints"})


def check_config(config: Any) -> None:
    """Refuse a Keras configuration that names a class which is not from Keras, at any depth.

    Raises:
        CompressionError: lambda_layer or custom_layer.
    """
    for entry in _objects(config):
        if any(key.endswith("_type") and value == "lambda" for key, value in entry.items()):
            raise _lambda_layer("a lambda")
        if "class_name" in entry:
            _check_class(
                str(entry["class_name"]), entry.get("module"), entry.get("registered_name")
            )


def check_operations(names: Iterable[str], allow_saver: bool = False) -> None:
    """Refuse TensorFlow operations that read or write outside the graph.

    ``allow_saver`` permits the operations that load and save a checkpoint.

    Raises:
        CompressionError: unsafe_operation.
    """
    allowed = SAVER_OPERATIONS if allow_saver else frozenset()
    found = {name for name in names if OUTSIDE_OPERATIONS.search(name)} - allowed
    if found:
        operations = ", ".join(sorted(found))
        raise unsafe_operation(f"it contains {operations}, which read or write outside the model")


def _objects(value: Any) -> Iterator[Json]:
    """Every JSON object in ``value``, at any depth."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _objects(child)
    elif isinstance(value, list):
        for child in value:
            yield from _objects(child)


def _check_class(name: str, module: object, registered: object) -> None:
    if name in LAMBDA_CLASSES:
        raise _lambda_layer(name)
    if module and not f"{module}.".startswith(KERAS_MODULES):
        raise _custom_layer(name, str(module))
    if registered and ">" in str(registered):
        raise _custom_layer(name, str(registered))
    has_origin = module is not None or registered is not None or name.startswith("__")
    if not has_origin and not _is_keras_class(name):
        raise _custom_layer(name, "without a module")


def _is_keras_class(name: str) -> bool:
    # Looked up by name, so that nothing from the file is loaded.
    import keras

    if name in KERAS_2_CLASSES:
        return True
    modules = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    return any(isinstance(getattr(module, name, None), type) for module in modules)


def _lambda_layer(name: str) -> CompressionError:
    message = f"The model contains {name}, which runs code from the file."
    replace = "Replace it by a Keras layer and save the model again"
    hint = f"{replace}, or export a SavedModel with `model.export('folder')`."
    return CompressionError("lambda_layer", message, hint)


def _custom_layer(name: str, origin: str) -> CompressionError:
    message = f"{name!r} ({origin}) is not a class of Keras."
    hint = "Export a SavedModel, which needs no code: `model.export('folder')`."
    return CompressionError("custom_layer", message, hint)


def unsafe_operation(reason: str) -> CompressionError:
    """The error for a model with operations or links that lead outside it."""
    hint = "Save or export the model again, without operations or links that lead outside it."
    return CompressionError("unsafe_operation", f"The model is refused: {reason}.", hint)
