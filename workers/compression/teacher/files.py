"""What an uploaded model file is, told from its content; what must not be loaded is refused before
it is.
"""

import json
import shutil
import zipfile
from pathlib import Path

import h5py

from workers.compression.archives import DAMAGE, is_archive, members, unpack
from workers.compression.errors import CompressionError
from workers.compression.teacher.safety import check_config, check_weights

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LFS_MAGIC = b"version https://git-lfs"
LEAST_BYTES = 64
MOST_CONFIG_BYTES = 64 * 1024**2
MALFORMED = (*DAMAGE, OSError, KeyError, TypeError, AttributeError, RecursionError)
AGAIN = "Upload the file again; compare its size and sha256."


def identify(path: Path, folder: Path) -> tuple[str, Path]:
    """Return (format, what to load): ``keras``, ``hdf5`` or ``saved_model``; linked to, or
    unpacked, below ``folder``.

    Raises:
        CompressionError: lfs_pointer, not_a_model, truncated_model, weights_only, lambda_layer,
            custom_layer,
            unsafe_operation, or what the archive is refused for.
    """
    if not path.is_file():
        raise _no_model(
            f"{path.name!r} is no file.", "Archive a SavedModel folder as .zip or .tar.gz."
        )
    with path.open("rb") as file:
        head = file.read(len(LFS_MAGIC))
    if head == LFS_MAGIC:
        hint = "Run `git lfs pull`, then upload the file itself."
        raise CompressionError("lfs_pointer", "The file is a Git-LFS pointer, not the model.", hint)
    if path.stat().st_size < LEAST_BYTES:
        raise _no_model(
            f"The file has only {path.stat().st_size} bytes.", "Upload the saved model itself."
        )
    if head.startswith(HDF5_MAGIC):
        _check_hdf5(path)
        return "hdf5", _named(path, folder, "model.h5")
    if not is_archive(path):
        if head.startswith(b"PK"):
            raise CompressionError("truncated_model", "The archive ends too early.", AGAIN)
        hint = "Save it with `model.save('model.keras')`."
        raise _no_model("The file is no .keras, HDF5 or SavedModel archive.", hint)
    if zipfile.is_zipfile(path) and any(str(name) == "config.json" for name, *_ in members(path)):
        _check_keras(path)
        return "keras", _named(path, folder, "model.keras")
    return "saved_model", _saved_model(path, folder)


def _named(path: Path, folder: Path, name: str) -> Path:
    """A link under the only suffix by which Keras recognizes the format."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / name
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    return link


def _check_keras(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise CompressionError(
                    "truncated_model", f"{damaged!r} inside the .keras file is damaged.", AGAIN
                )
            if archive.getinfo("config.json").file_size > MOST_CONFIG_BYTES:
                raise _no_model("config.json is too large for a model.", "Save the model again.")
            check_config(json.loads(archive.read("config.json")))
            for name in archive.namelist():
                if name.endswith(".h5"):
                    with archive.open(name) as member, h5py.File(member, "r") as weights:
                        check_weights(weights)
    except MALFORMED as error:
        raise CompressionError(
            "truncated_model", f"The .keras file is damaged: {error}.", AGAIN
        ) from error


def _check_hdf5(path: Path) -> None:
    try:
        with h5py.File(path, "r") as file:
            check_weights(file)
            config = file.attrs.get("model_config")
            if config is None:
                hint = "Save the whole model: `model.save(...)`, not `save_weights`."
                raise CompressionError(
                    "weights_only", "The HDF5 file holds weights but no architecture.", hint
                )
            check_config(json.loads(config))
    except MALFORMED as error:
        raise CompressionError(
            "truncated_model", f"The HDF5 file is damaged: {error}.", AGAIN
        ) from error


def _saved_model(path: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpack(path, folder)
    except CompressionError as error:
        if error.code != "not_an_archive":
            raise
        raise CompressionError("truncated_model", error.message, error.hint) from error
    found = sorted(folder.rglob("saved_model.pb"), key=lambda file: len(file.parts))
    if not found:
        raise _no_model(
            "The archive holds no saved_model.pb.", "Archive the folder that `model.export` wrote."
        )
    return found[0].parent


def _no_model(message: str, hint: str) -> CompressionError:
    return CompressionError("not_a_model", message, hint)
