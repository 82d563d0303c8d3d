"""Which learn2compress this is."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    try:
        return version("learn2compress")
    except PackageNotFoundError:
        return "unknown"
