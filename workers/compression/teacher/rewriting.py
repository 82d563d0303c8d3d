"""Rewrites what keeps a checked Keras file from being loaded: precisions, names from Windows."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py

from workers.compression.teacher.keras_classes import POLICIES
from workers.compression.values import Json

HALF_PRECISIONS = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
PRECISION = "float32"
WINDOWS_SEPARATOR = "\\"
CONFIG = "config.json"


def in_full_precision(config: Any) -> Any:
    """The configuration with float32 in place of each half precision, which .tflite has not."""
    if isinstance(config, list):
        return [in_full_precision(each) for each in config]
    if not isinstance(config, dict):
        return config
    changed = {key: in_full_precision(value) for key, value in config.items()}
    if changed.get("dtype") in HALF_PRECISIONS:
        changed["dtype"] = PRECISION
    if changed.get("class_name") in POLICIES and isinstance(changed.get("config"), dict):
        return {**changed, "config": _policy(changed["config"])}
    return changed


def _policy(config: Json) -> Json:
    if config.get("name") in HALF_PRECISIONS:
        return {**config, "name": PRECISION}
    return config


def rewrite_keras(source: Path, target: Path, config: Json) -> bool:
    """Write ``target`` where the .keras file ``source`` needs changes; whether it does.

    ``config`` is the content of its config.json.
    """
    changed = in_full_precision(config)
    with zipfile.ZipFile(source) as archive:
        weights = [name for name in archive.namelist() if name.endswith(".h5")]
        windows = [name for name in weights if _is_from_windows(archive, name)]
        if changed == config and not windows:
            return False
        with zipfile.ZipFile(target, "w") as rewritten:
            for name in archive.namelist():
                if name == CONFIG:
                    rewritten.writestr(CONFIG, json.dumps(changed))
                else:
                    _copy(archive, rewritten, name, name in windows)
    return True


def rewrite_hdf5(source: Path, target: Path, config: Json) -> bool:
    """Write ``target`` where the HDF5 file ``source`` needs changes; whether it does."""
    changed = in_full_precision(config)
    if changed == config:
        return False
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["model_config"] = json.dumps(changed)
    return True


def _is_from_windows(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as member, h5py.File(member, "r") as file:
        return any(WINDOWS_SEPARATOR in group for group in file)


def _copy(source: zipfile.ZipFile, target: zipfile.ZipFile, name: str, windows: bool) -> None:
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        with source.open(name) as member:
            shutil.copyfileobj(member, file)
        file.flush()
        if windows:
            _separate_with_slashes(Path(file.name))
        target.write(file.name, name)


def _separate_with_slashes(path: Path) -> None:
    """Turn groups that are called ``layers\\conv2d`` into ``layers/conv2d``, at any depth."""
    with h5py.File(path, "r+") as file:
        waiting = [file["/"]]
        while waiting:
            group = waiting.pop()
            for name in list(group):
                if WINDOWS_SEPARATOR in name:
                    group.move(name, name.replace(WINDOWS_SEPARATOR, "/"))
            waiting += [group[name] for name in group if isinstance(group[name], h5py.Group)]
