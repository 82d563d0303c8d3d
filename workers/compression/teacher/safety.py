"""What a model file may contain: layers of Keras and tensor arithmetic, nothing that runs code or
reaches outside.

The sandbox is the wall; this is the door, which says by name what it does not let in.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import h5py

from workers.compression.errors import CompressionError

KERAS_MODULES = (
    "keras.",
    "tf_keras.",
    "tensorflow.keras.",
    "tensorflow.python.keras.",
    "builtins.",
)
LAMBDAS = ("Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__")
KERAS_2_CLASSES = frozenset(
    [
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
    ]
)
OUTSIDE = re.compile(
    r"ReadFile|WriteFile|MatchingFiles|PyFunc|Reader|Dataset|Iterator|Queue|Summary|Debug|Print|Rpc|Dump|ImmutableConst"
    r"|LoadAndRemap|^Save|^Restore|MergeV2Checkpoints|^DistributedSave|FromTextFile|VocabRemapping|FixedUnigram"
    r"|^_?(Host)?(Send|Recv)$|RemoteCall|FileSystem|^Abort$"
)
SAVER = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints"})
MOST_EXPANSION = 100


def check_config(config: Any) -> None:
    """Refuse a Keras configuration that names anything but Keras' own classes, wherever it stands
    in it.

    Raises:
        CompressionError: lambda_layer or custom_layer.
    """
    for node in _nodes(config):
        if any(key.endswith("_type") and value == "lambda" for key, value in node.items()):
            raise _lambda("a lambda")
        if "class_name" in node:
            _check_class(str(node["class_name"]), node.get("module"), node.get("registered_name"))


def check_weights(file: h5py.File) -> None:
    """Refuse HDF5 that refers to other files, or claims far more than it holds.

    Raises:
        CompressionError: unsafe_operation.
    """

    seen = set()

    def visit(group: h5py.Group) -> None:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _unsafe(f"{name!r} is a link to another file")
            item = group[name]
            if (place := h5py.h5o.get_info(item.id).addr) in seen:
                continue
            seen.add(place)
            if isinstance(item, h5py.Group):
                visit(item)
            elif item.external or item.is_virtual:
                raise _unsafe(f"{name!r} lies in another file")
            elif item.nbytes > 1024**2 and item.nbytes > MOST_EXPANSION * max(
                1, item.id.get_storage_size()
            ):
                raise _unsafe(f"{name!r} claims {item.nbytes:,} bytes that are not there")

    visit(file)


def check_operations(names: Iterable[str], saver: bool = False) -> None:
    """Refuse TensorFlow operations that read or write outside the graph; ``saver`` allows those of
    a checkpoint.

    Raises:
        CompressionError: unsafe_operation.
    """
    found = {name for name in names if OUTSIDE.search(name) and not (saver and name in SAVER)}
    if found:
        raise _unsafe(f"it holds {', '.join(sorted(found))}, which reach outside the model")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _check_class(name: str, module: Any, registered: Any) -> None:
    if name in LAMBDAS:
        raise _lambda(name)
    if module and not f"{module}.".startswith(KERAS_MODULES):
        raise _custom(name, str(module))
    if registered and ">" in str(registered):
        raise _custom(name, str(registered))
    if (
        module is None
        and registered is None
        and not name.startswith("__")
        and not _is_of_keras(name)
    ):
        raise _custom(name, "no module of Keras")


def _is_of_keras(name: str) -> bool:
    """Whether a class name without a module is one of Keras 1 or 2; found without loading anything."""
    import keras

    rooms = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    return name in KERAS_2_CLASSES or any(
        isinstance(getattr(room, name, None), type) for room in rooms
    )


def _lambda(name: str) -> CompressionError:
    hint = "Replace it by a layer of Keras and save again, or export a SavedModel: `model.export('folder')`."
    return CompressionError(
        "lambda_layer", f"The model has {name}, which runs code from the file.", hint
    )


def _custom(name: str, origin: str) -> CompressionError:
    hint = "Export a SavedModel, which needs no code: `model.export('folder')`."
    return CompressionError(
        "custom_layer", f"{name!r} ({origin}) is no class of Keras itself.", hint
    )


def _unsafe(what: str) -> CompressionError:
    hint = "Save or export the model again, without operations or links that reach outside it."
    return CompressionError("unsafe_operation", f"The model is refused: {what}.", hint)
