"""Results of benchmarks, each with the machine and the versions that it was measured with."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workers.compression import processor

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "fastapi", "celery", "sqlalchemy")


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write ``result`` as JSON, with ``machine`` and ``versions``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**result, **environment()}, indent=2) + "\n")


def environment() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    # Of the last minute, by the benchmark and others.
    load = round(os.getloadavg()[0], 1)
    return {"machine": {**processor.describe(), "load": load}, "versions": versions}
