"""Reads the tensors of a PyTorch file without PyTorch and without running what its pickle names.

The form is the one before PyTorch 1.6: five pickles (a magic number, the version of the protocol,
facts about the machine, the dict of tensors, the keys of the storages), then each storage as the
number of its elements (int64) and its bytes.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


@dataclass(frozen=True)
class Storage:
    key: str
    dtype: type


@dataclass(frozen=True)
class StoredTensor:
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements; a transposed tensor is stored as it was before."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors by name.

    Raises:
        pickle.UnpicklingError: if the file names anything but tensors and dicts of them.
    """
    with path.open("rb") as file:
        for _ in range(3):
            _Unpickler(file).load()
        tensors: dict[str, StoredTensor] = _Unpickler(file).load()
        keys: list[str] = _Unpickler(file).load()
        dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        elements = {key: _read_storage(file, dtypes[key]) for key in keys}
    found = {}
    for name, tensor in tensors.items():
        flat = elements[tensor.storage.key][tensor.offset :]
        last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
        if min([0, *tensor.shape, *tensor.strides]) < 0 or last >= len(flat):
            raise pickle.UnpicklingError(f"{name} is not inside of its storage")
        strides = [step * flat.itemsize for step in tensor.strides]
        found[name] = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
    return found


def _read_storage(file: io.BufferedReader, dtype: type) -> np.ndarray:
    count = int(np.frombuffer(file.read(8), "<i8")[0])
    return np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype)


class _Unpickler(pickle.Unpickler):
    """Knows three names, and replaces two of them by functions of this module."""

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Callable[..., Any] | type] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        }
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no tensor")
        return known[module, name]

    def persistent_load(self, pid: tuple[Any, ...]) -> Storage:
        _, dtype, key, _, _, *_ = pid
        return Storage(key, dtype)


def _rebuild(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> StoredTensor:
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))
