"""Finds the format of an uploaded model by its content; refuses what must not be loaded."""

import json
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py

from workers.compression.archive_checks import DAMAGED_ARCHIVE_ERRORS
from workers.compression.archives import is_archive, members, unpack
from workers.compression.errors import CompressionError
from workers.compression.teacher.config_input import check_input
from workers.compression.teacher.rewriting import rewrite_hdf5, rewrite_keras
from workers.compression.teacher.safety import check_config
from workers.compression.teacher.stored_weights import check_weights
from workers.compression.time_limit import must_end_within
from workers.compression.values import Json

HDF5_MAGIC, ZIP_MAGIC = b"\x89HDF\r\n\x1a\n", b"PK"
LFS_MAGIC = b"version https://git-lfs"
MIN_BYTES = 64
MAX_CONFIG_BYTES = 64 * 1024**2
# Configuration and names only, not the weights.
SECONDS_TO_READ_HDF5 = 120
MALFORMED_FILE_ERRORS = (
    *DAMAGED_ARCHIVE_ERRORS,
    OSError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
METADATA = "metadata.json"
TFLITE_MAGIC = b"TFL3"
MODEL_SUFFIXES = (".h5", ".hdf5", ".keras")
PYTORCH_FILES = ("data.pkl", "constants.pkl")
SHOWN_FILES = 5
CONVERT_FIRST = "Convert it to a Keras model or a SavedModel, and upload that."
UPLOAD_AGAIN = "Upload the file again, and compare its size and sha256."


def identify(path: Path, folder: Path) -> tuple[str, Path]:
    """Return the format (``keras``, ``hdf5`` or ``saved_model``) and the path to load.

    That path is below ``folder``: a link to the file, or the unpacked SavedModel.

    Raises:
        CompressionError: lfs_pointer, not_a_model, truncated_model, weights_only, lambda_layer,
            custom_layer, unsafe_operation, or an error of ``archives.unpack``.
    """
    if not path.is_file():
        hint = "Archive a SavedModel folder as .zip or .tar.gz."
        raise _not_a_model(f"{path.name!r} is not a file.", hint)
    with path.open("rb") as file:
        head = file.read(len(LFS_MAGIC))
    if head == LFS_MAGIC:
        hint = "Run `git lfs pull`, then upload the file itself."
        raise CompressionError("lfs_pointer", "The file is a Git-LFS pointer, not the model.", hint)
    size = path.stat().st_size
    if size < MIN_BYTES:
        raise _not_a_model(f"The file has only {size} bytes.", "Upload the saved model itself.")
    if head.startswith(HDF5_MAGIC):
        config = _checked_hdf5(path)
        target = _clear(folder, "model.h5")
        return "hdf5", target if rewrite_hdf5(path, target, config) else _link(path, target)
    if not is_archive(path):
        raise _not_an_archive(head)
    if _is_keras(path):
        config = _checked_keras(path)
        target = _clear(folder, "model.keras")
        return "keras", target if rewrite_keras(path, target, config) else _link(path, target)
    return _unpack(path, folder)


def keras_version(path: Path) -> str:
    """The version of Keras that wrote a checked .keras or HDF5 file; empty where it is not told."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if METADATA not in archive.namelist():
                return ""
            with suppress(ValueError, AttributeError):
                return str(json.loads(archive.read(METADATA)).get("keras_version", ""))
        return ""
    with h5py.File(path, "r") as file:
        return str(file.attrs.get("keras_version", ""))


def _not_an_archive(head: bytes) -> CompressionError:
    if head[4:8] == TFLITE_MAGIC:
        return tflite_model()
    if head.startswith(ZIP_MAGIC):
        return CompressionError("truncated_model", "The archive ends too early.", UPLOAD_AGAIN)
    message = "The file is not a .keras file, an HDF5 file or an archived SavedModel."
    return _not_a_model(message, "Save the model with `model.save('model.keras')`.")


def _is_keras(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    # A list, so that the entries behind it are checked, too: Keras unpacks its assets.
    return "config.json" in [str(name) for name, *_ in members(path)]


def _clear(folder: Path, name: str) -> Path:
    """The place for a file of this name; Keras recognizes a format only by the suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    return folder / name


def _link(path: Path, target: Path) -> Path:
    target.symlink_to(path.resolve())
    return target


def _checked_keras(path: Path) -> Json:
    """The content of config.json."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                message = f"{damaged!r} in the .keras file is damaged."
                raise CompressionError("truncated_model", message, UPLOAD_AGAIN)
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise _not_a_model("config.json is too large for a model.", "Save the model again.")
            config: Json = json.loads(archive.read("config.json"))
            check_config(config)
            check_input(config)
            for name in archive.namelist():
                if name.endswith(".h5"):
                    with (
                        must_end_within(SECONDS_TO_READ_HDF5),
                        archive.open(name) as member,
                        h5py.File(member, "r") as weights,
                    ):
                        check_weights(weights)
            return config
    except MALFORMED_FILE_ERRORS as error:
        message = f"The .keras file is damaged: {error}."
        raise CompressionError("truncated_model", message, UPLOAD_AGAIN) from error


def _checked_hdf5(path: Path) -> Json:
    """The content of the attribute model_config."""
    try:
        with must_end_within(SECONDS_TO_READ_HDF5), h5py.File(path, "r") as file:
            check_weights(file)
            stored = file.attrs.get("model_config")
            if stored is None:
                message = "The HDF5 file has weights but no architecture."
                hint = "Save the whole model with `model.save(...)`, not with `save_weights`."
                raise CompressionError("weights_only", message, hint)
            config: Json = json.loads(stored)
            check_config(config)
            check_input(config)
            return config
    except MALFORMED_FILE_ERRORS as error:
        message = f"The HDF5 file is damaged: {error}."
        raise CompressionError("truncated_model", message, UPLOAD_AGAIN) from error


def _unpack(path: Path, folder: Path) -> tuple[str, Path]:
    """The format and the path of what an archive holds: a SavedModel, or one lone model file."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpack(path, folder)
    except CompressionError as error:
        if error.code != "not_an_archive":
            raise
        raise CompressionError("truncated_model", error.message, error.hint) from error
    found = sorted(folder.rglob("saved_model.pb"), key=lambda file: len(file.parts))
    if found:
        return "saved_model", found[0].parent
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_litter(file)]
    models = [file for file in files if file.suffix.lower() in MODEL_SUFFIXES]
    if len(models) == 1:
        return identify(models[0], folder / "single")
    raise _no_model(files, models)


def _is_litter(file: Path) -> bool:
    """Whether macOS left the file in the archive."""
    return file.name.startswith(".") or "__MACOSX" in file.parts


def _no_model(files: list[Path], models: list[Path]) -> CompressionError:
    """The error for an archive without a SavedModel and without a lone model file."""
    hint = "Archive the folder that `model.export` wrote, or upload a .keras or .h5 file itself."
    names = ", ".join(file.name for file in (models or files)[:SHOWN_FILES])
    if models:
        return _not_a_model(f"The archive has several models: {names}.", "Upload one of them.")
    if any(file.suffix == ".tflite" for file in files):
        return tflite_model()
    if any(file.name in PYTORCH_FILES for file in files):
        return _not_a_model("The file is a PyTorch model.", CONVERT_FIRST)
    if any(file.name == "model.json" for file in files):
        return _not_a_model("The archive holds a TensorFlow.js model.", CONVERT_FIRST)
    return _not_a_model(f"The archive has no saved_model.pb. It has: {names or 'no file'}.", hint)


def tflite_model() -> CompressionError:
    """The error for a .tflite file."""
    message = (
        "The file is a .tflite model. It cannot be a teacher: its layers cannot be trained or"
        " pruned, and it often holds rounded weights."
    )
    hint = "Upload the Keras model or SavedModel that the .tflite file was converted from."
    return CompressionError("tflite_model", message, hint)


def _not_a_model(message: str, hint: str) -> CompressionError:
    return CompressionError("not_a_model", message, hint)
