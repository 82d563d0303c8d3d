"""Arrays on disk, for data that may be larger than memory."""

import os
from pathlib import Path

import numpy as np


def allocate(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """A new .npy file at ``path``, as a memory map.

    Raises:
        OSError: ENOSPC where the disk has no space for the whole array.
    """
    with path.open("wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        # With a sparse file, a full disk would end the process with SIGBUS at some later write.
        os.posix_fallocate(file.fileno(), file.tell(), max(1, size))
    return np.lib.format.open_memmap(path, mode="r+")
