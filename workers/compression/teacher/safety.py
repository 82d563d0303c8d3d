"""Checks what a model file contains before it is loaded: only Keras layers and tensor arithmetic.

The sandbox protects the worker in any case; these checks tell the user by name what is refused.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from workers.compression.errors import CompressionError
from workers.compression.teacher.keras_classes import (
    CLASSES_WITH_CODE,
    FUNCTION_LAYERS,
    TEXT_LAYERS,
    is_allowed,
    is_function,
)
from workers.compression.teacher.signature import unsupported_input
from workers.compression.teacher.tensorflow_functions import is_arithmetic
from workers.compression.values import Json

MOST_OBJECTS = 50_000
"""Layers, initializers and other objects of a class; NASNetLarge has 5,152."""
COMPILED_WITH = "compile_config"
"""Of a model in a .keras file: loss, metrics and optimizer."""
OUTSIDE_OPERATIONS = re.compile(
    "ReadFile|WriteFile|MatchingFiles|PyFunc|Reader|Dataset|Iterator|Queue|Debug|Print|Rpc"
    "|SummaryWriter|Write.*Summary|ImportEvent"
    "|Dump|ImmutableConst|LoadAndRemap|^Save|^Restore|MergeV2Checkpoints|^DistributedSave"
    "|FromTextFile|VocabRemapping|FixedUnigram|^_?(Host)?(Send|Recv)$|RemoteCall|FileSystem|^Abort$"
)
"""TensorFlow operations that read or write outside the graph."""
SAVER_OPERATIONS = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints"})


def check_config(config: Any) -> None:
    """Refuse a Keras configuration that names a class or a function which is not known as harmless.

    Objects are found at any depth, also in strings that hold a configuration. What a model was
    compiled with is skipped: loaders.py does not load it.

    Raises:
        CompressionError: lambda_layer, custom_layer, unsafe_operation, or model_not_loadable for
            more than ``MOST_OBJECTS``, which Keras would build for hours.
    """
    objects = 0
    for entry in _objects(config):
        if any(key.endswith("_type") and value == "lambda" for key, value in entry.items()):
            raise _with_code("a lambda", "runs code from the file")
        if "class_name" in entry:
            _check_object(entry)
            objects += 1
            if objects > MOST_OBJECTS:
                raise _too_many_objects()


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


def _objects(config: Any) -> Iterator[Json]:
    """Every JSON object in ``config``."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += [child for key, child in value.items() if key != COMPILED_WITH]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and value.lstrip().startswith(("{", "[", '"')):
            # A layer may call model_from_json with such a string.
            with suppress(ValueError):
                waiting.append(json.loads(value))


def _check_object(entry: Json) -> None:
    name, module = entry["class_name"], entry.get("module")
    registered = entry.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise unsafe_operation("a class or a module in its configuration is not named by a string")
    if name in CLASSES_WITH_CODE:
        raise _with_code(name, CLASSES_WITH_CODE[name])
    if name == "function":
        _check_function(entry)
        return
    if registered is not None and ">" in str(registered):
        raise _custom_layer(name, str(registered))
    if name in TEXT_LAYERS:
        raise unsupported_input(f"The model contains {name}, so it takes text or categories.")
    if not is_allowed(name, module):
        raise _custom_layer(name, module or "without a module")
    if name in FUNCTION_LAYERS:
        _check_called_function(entry)


def _check_function(entry: Json) -> None:
    """A function as Keras 3 writes it: by its name."""
    if not is_function(entry.get("config"), entry.get("module")):
        raise _custom_layer(str(entry.get("config"))[:100], "a function")


def _check_called_function(entry: Json) -> None:
    """A layer that calls a TensorFlow function by its name."""
    config = entry.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if entry["class_name"] == "SlicingOpLambda" and function is None:
        return
    if not is_arithmetic(function):
        message = f"the function {function!r}, which is not arithmetic on tensors that is known"
        raise unsafe_operation(f"it calls {message}")


def _too_many_objects() -> CompressionError:
    message = f"The model's configuration has more than {MOST_OBJECTS:,} layers and other objects."
    hint = "Export a SavedModel, or use a model of fewer layers."
    return CompressionError("model_not_loadable", message, hint)


def _with_code(name: str, reason: str) -> CompressionError:
    message = f"The model contains {name}, which {reason}."
    replace = "Replace it by a Keras layer and save the model again"
    hint = f"{replace}, or export a SavedModel with `model.export('folder')`."
    return CompressionError("lambda_layer", message, hint)


def _custom_layer(name: str, origin: str) -> CompressionError:
    message = f"{name!r} ({origin}) is not a class of Keras that can be loaded here."
    hint = "Export a SavedModel, which needs no code: `model.export('folder')`."
    return CompressionError("custom_layer", message, hint)


def unsafe_operation(reason: str) -> CompressionError:
    """The error for a model with operations or links that lead outside it."""
    hint = "Save or export the model again, without operations or links that lead outside it."
    return CompressionError("unsafe_operation", f"The model is refused: {reason}.", hint)
