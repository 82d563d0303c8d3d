"""What an uploaded model file is, told from its content; what must not be loaded is refused before it is."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from workers.compression.archives import is_archive, unpack
from workers.compression.errors import CompressionError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
LFS_MAGIC = b"version https://git-lfs"
LEAST_BYTES = 64
KERAS_MODULES = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.", "builtins.")
FILE_OPS = frozenset(
    {
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "PyFunc",
        "PyFuncStateless",
        "EagerPyFunc",
        "PrintV2",
        "DecodeProtoV2",
        "WholeFileReaderV2",
        "TextLineReaderV2",
        "TFRecordReaderV2",
        "FixedLengthRecordReaderV2",
        "TextLineDataset",
        "TFRecordDataset",
        "WriteAudioSummary",
        "RpcCall",
        "DebugIdentityV3",
        "DumpOp",
        "CreateSummaryFileWriter",
        "LoadAndRemapMatrix",
        "DistributedSave",
        "SaveDatasetV2",
        "LoadDataset",
        "DatasetToTFRecord",
        "SnapshotDatasetV2",
    }
)


def identify(path: Path, folder: Path) -> tuple[str, Path]:
    """Return (format, what to load): ``keras``, ``hdf5`` or ``saved_model``; linked to, or unpacked, below ``folder``.

    Raises:
        CompressionError: lfs_pointer, not_a_model, truncated_model, weights_only, lambda_layer, custom_layer,
            unsafe_operation, or what the archive is refused for.
    """
    head = path.open("rb").read(len(LFS_MAGIC))
    if head == LFS_MAGIC:
        raise CompressionError(
            "lfs_pointer",
            "The file is a Git-LFS pointer, not the model.",
            "Run `git lfs pull`, then upload the file itself.",
        )
    if path.stat().st_size < LEAST_BYTES:
        raise CompressionError(
            "not_a_model", f"The file has only {path.stat().st_size} bytes.", "Upload the saved model itself."
        )
    if head.startswith(HDF5_MAGIC):
        _check_hdf5(path)
        return "hdf5", _named(path, folder, "model.h5")
    if zipfile.is_zipfile(path) and "config.json" in zipfile.ZipFile(path).namelist():
        _check_keras(path)
        return "keras", _named(path, folder, "model.keras")
    if is_archive(path):
        return "saved_model", _saved_model(path, folder)
    if head.startswith(b"PK"):
        raise CompressionError(
            "truncated_model", "The archive ends too early.", "Upload the file again; compare its size and sha256."
        )
    raise CompressionError(
        "not_a_model", "The file is no .keras, HDF5 or SavedModel archive.", "Save it with `model.save('model.keras')`."
    )


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
                    "truncated_model", f"{damaged!r} inside the .keras file is damaged.", "Upload the file again."
                )
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise CompressionError(
            "truncated_model", f"The .keras file is damaged: {error}.", "Upload the file again."
        ) from error
    for node in _nodes(config.get("config", {})):
        _check_class(str(node.get("class_name", "")), node.get("module"), node.get("registered_name"))


def _check_hdf5(path: Path) -> None:
    try:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            file.visit(lambda _: None)
    except (OSError, RuntimeError, KeyError) as error:
        raise CompressionError(
            "truncated_model", f"The HDF5 file is damaged: {error}.", "Upload the file again."
        ) from error
    if config is None:
        raise CompressionError(
            "weights_only",
            "The HDF5 file holds weights but no architecture.",
            "Save the whole model: `model.save(...)`, not `save_weights`.",
        )
    try:
        parsed = json.loads(config)
    except ValueError as error:
        raise CompressionError(
            "truncated_model", "The model's configuration is not JSON.", "Save the model again."
        ) from error
    for node in _layers(parsed):
        _check_class(str(node.get("class_name", "")), node.get("module"), node.get("registered_name"))


def _layers(node: Any) -> Iterator[dict[str, Any]]:
    """Every layer of a Keras 1 or 2 model configuration, nested models included."""
    if not isinstance(node, dict):
        return
    yield node
    config = node.get("config")
    children = config.get("layers", []) if isinstance(config, dict) else config
    for child in children if isinstance(children, list) else []:
        yield from _layers(child)
    if isinstance(config, dict):
        for name in ("layer", "forward_layer", "backward_layer", "cell"):
            yield from _layers(config.get(name))


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object anywhere in a Keras 3 configuration."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _check_class(name: str, module: Any, registered: Any) -> None:
    if name in ("Lambda", "TFOpLambda", "SlicingOpLambda") or name == "__lambda__":
        raise CompressionError(
            "lambda_layer",
            f"The model has a {name} layer, which runs code from the file.",
            "Replace it by a layer of Keras and save again.",
        )
    if module and not f"{module}.".startswith(KERAS_MODULES):
        raise _custom(name, str(module))
    if registered and ">" in str(registered):
        raise _custom(name, str(registered))
    if module is None and registered is None and not name.startswith("__") and not _is_keras_layer(name):
        raise _custom(name, "no module of Keras")


def _is_keras_layer(name: str) -> bool:
    """Whether a Keras 1 or 2 class name is a layer or model of Keras; found without importing TensorFlow."""
    import keras

    return name in ("Model", "Functional", "Sequential") or isinstance(getattr(keras.layers, name, None), type)


def _custom(name: str, origin: str) -> CompressionError:
    return CompressionError(
        "custom_layer",
        f"{name!r} ({origin}) is no layer of Keras itself.",
        "Export a SavedModel, which needs no code: `model.export('folder')`.",
    )


def _saved_model(path: Path, folder: Path) -> Path:
    unpack(path, folder)
    found = sorted(folder.rglob("saved_model.pb"), key=lambda file: len(file.parts))
    if not found:
        raise CompressionError(
            "not_a_model", "The archive holds no saved_model.pb.", "Archive the folder that `model.export` wrote."
        )
    return found[0].parent
