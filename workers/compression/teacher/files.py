"""Finds the format of an uploaded model by its content; refuses what must not be loaded."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py

from workers.compression.archive_checks import DAMAGED_ARCHIVE_ERRORS
from workers.compression.archives import is_archive, members, unpack
from workers.compression.errors import CompressionError
from workers.compression.teacher.safety import check_config
from workers.compression.teacher.stored_weights import check_weights

HDF5_MAGIC, ZIP_MAGIC = b"\x89HDF\r\n\x1a\n", b"PK"
LFS_MAGIC = b"version https://git-lfs"
MIN_BYTES = 64
MAX_CONFIG_BYTES = 64 * 1024**2
MALFORMED_FILE_ERRORS = (
    *DAMAGED_ARCHIVE_ERRORS,
    OSError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
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
        _check_hdf5(path)
        return "hdf5", _link(path, folder, "model.h5")
    if not is_archive(path):
        raise _not_an_archive(head)
    if _is_keras(path):
        _check_keras(path)
        return "keras", _link(path, folder, "model.keras")
    return "saved_model", _unpack_saved_model(path, folder)


def _not_an_archive(head: bytes) -> CompressionError:
    if head.startswith(ZIP_MAGIC):
        return CompressionError("truncated_model", "The archive ends too early.", UPLOAD_AGAIN)
    message = "The file is not a .keras file, an HDF5 file or an archived SavedModel."
    return _not_a_model(message, "Save the model with `model.save('model.keras')`.")


def _is_keras(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    return any(str(name) == "config.json" for name, *_ in members(path))


def _link(path: Path, folder: Path, name: str) -> Path:
    # Keras recognizes a format only by the suffix of the name.
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / name
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    return link


def _check_keras(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                message = f"{damaged!r} in the .keras file is damaged."
                raise CompressionError("truncated_model", message, UPLOAD_AGAIN)
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise _not_a_model("config.json is too large for a model.", "Save the model again.")
            check_config(json.loads(archive.read("config.json")))
            for name in archive.namelist():
                if name.endswith(".h5"):
                    with archive.open(name) as member, h5py.File(member, "r") as weights:
                        check_weights(weights)
    except MALFORMED_FILE_ERRORS as error:
        message = f"The .keras file is damaged: {error}."
        raise CompressionError("truncated_model", message, UPLOAD_AGAIN) from error


def _check_hdf5(path: Path) -> None:
    try:
        with h5py.File(path, "r") as file:
            check_weights(file)
            config = file.attrs.get("model_config")
            if config is None:
                message = "The HDF5 file has weights but no architecture."
                hint = "Save the whole model with `model.save(...)`, not with `save_weights`."
                raise CompressionError("weights_only", message, hint)
            check_config(json.loads(config))
    except MALFORMED_FILE_ERRORS as error:
        message = f"The HDF5 file is damaged: {error}."
        raise CompressionError("truncated_model", message, UPLOAD_AGAIN) from error


def _unpack_saved_model(path: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpack(path, folder)
    except CompressionError as error:
        if error.code != "not_an_archive":
            raise
        raise CompressionError("truncated_model", error.message, error.hint) from error
    found = sorted(folder.rglob("saved_model.pb"), key=lambda file: len(file.parts))
    if not found:
        hint = "Archive the folder that `model.export` wrote."
        raise _not_a_model("The archive has no saved_model.pb.", hint)
    return found[0].parent


def _not_a_model(message: str, hint: str) -> CompressionError:
    return CompressionError("not_a_model", message, hint)
