"""Which learn2compress this is."""

import functools
from importlib.metadata import PackageNotFoundError, version


@functools.cache
def installed_version() -> str:
    try:
        return version("learn2compress")
    except PackageNotFoundError:
        return "unknown"
