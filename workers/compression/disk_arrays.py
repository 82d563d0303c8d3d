"""Arrays larger than memory may be, on disk."""

import os
from pathlib import Path

import numpy as np


def allocate(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """A new .npy at ``path`` as a memory map.

    Its space is taken at once: a full disk is an OSError (ENOSPC) here, where a sparse file would
    end the process with SIGBUS at some later write.
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
        os.posix_fallocate(file.fileno(), file.tell(), max(1, size))
    return np.lib.format.open_memmap(path, mode="r+")
