"""A limit for calls into C that may not return: damaged HDF5 files can keep libhdf5 for ever."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def must_end_within(seconds: int) -> Iterator[None]:
    """End this process by SIGALRM if the block takes longer; no Python code could stop it."""
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
