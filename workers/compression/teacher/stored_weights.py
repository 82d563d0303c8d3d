"""Checks the HDF5 file with a model's weights before it is loaded."""

import h5py

from workers.compression.teacher.safety import unsafe_operation

MAX_EXPANSION = 100
MIN_CHECKED_BYTES = 1024**2


def check_weights(file: h5py.File) -> None:
    """Refuse HDF5 that refers to other files, or states far more data than it stores.

    Raises:
        CompressionError: unsafe_operation.
    """
    _check_group(file, set())


def _check_group(group: h5py.Group, seen: set[int]) -> None:
    """Check each item once: hard links may lead to the same group many times."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise unsafe_operation(f"{name!r} is a link to another file")
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            _check_group(item, seen)
        else:
            _check_array(name, item)


def _check_array(name: str, item: h5py.Dataset) -> None:
    if item.external or item.is_virtual:
        raise unsafe_operation(f"{name!r} is stored in another file")
    stored = max(1, item.id.get_storage_size())
    if item.nbytes > max(MIN_CHECKED_BYTES, MAX_EXPANSION * stored):
        raise unsafe_operation(f"{name!r} states {item.nbytes:,} bytes but stores {stored:,}")
