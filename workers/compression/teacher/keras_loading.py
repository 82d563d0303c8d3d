"""Opens Keras models without what they were compiled with, and without classes that run code.

Runs only in the process of freezing.py: it changes the libraries for good.
"""

from pathlib import Path
from typing import Any, NoReturn

from workers.compression.teacher.keras_classes import CLASSES_WITH_CODE


def open_with_keras_3(path: Path) -> Any:
    """The model in a .keras or HDF5 file."""
    import keras

    keras.Model.compile_from_config = _compile_nothing
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def open_with_keras_2(path: Path) -> Any:
    """The model in a .keras or HDF5 file."""
    import tf_keras
    from tf_keras.src.saving import serialization_lib

    _remove_classes_with_code()
    tf_keras.Model.compile_from_config = _compile_nothing
    with serialization_lib.SafeModeScope(True):
        return tf_keras.models.load_model(path, compile=False)


def _remove_classes_with_code() -> None:
    """The configuration is checked before; should a class slip through, Keras does not find it."""
    from tf_keras.src.layers import serialization
    from tf_keras.src.utils import generic_utils

    serialization.populate_deserializable_objects()
    for name in CLASSES_WITH_CODE:
        serialization.LOCAL.ALL_OBJECTS.pop(name, None)
    generic_utils.func_load = _refuse_code


def _compile_nothing(model: Any, config: Any) -> None:
    """Skip loss and metrics, which inference does not need and may be classes of the user's."""


def _refuse_code(*_: Any, **__: Any) -> NoReturn:
    raise ValueError("the model holds code")
