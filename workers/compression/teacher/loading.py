"""Loads a teacher: tries the loaders that fit its format, each in a process of its own."""

import json
import math
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.teacher import freezing, frozen_graph
from workers.compression.teacher.files import identify, keras_version
from workers.compression.teacher.loaders import EXPORT_AGAIN
from workers.compression.teacher.signature import (
    ASSUMED_SIZE,
    Size,
    example_shape,
    unsupported_input,
)
from workers.compression.values import Json, Predict, Teacher
from workers.compression.work_folder import DONE, IMPORT_ROOT

NOT_LOADABLE = "model_not_loadable"
MAX_BATCH, BATCH_BYTES = 128, 32 * 1024**2
LOADERS_OF_FORMAT = {
    "keras": ("keras", "tf_keras"),
    "hdf5": ("keras", "tf_keras"),
    "saved_model": ("saved_model",),
}


def load(path: Path, folder: Path, sizes: Sequence[Size] = (ASSUMED_SIZE,)) -> Teacher:
    """Load a .keras file, an HDF5 file or an archived SavedModel; ``folder`` is for its files.

    A model that takes any size of image is given the first of ``sizes`` that it accepts.

    Raises:
        CompressionError: what ``identify`` raises, or why no loader could open the model.
    """
    model_format, target = identify(path.resolve(), folder.resolve() / "upload")
    errors: list[CompressionError] = []
    for loader in LOADERS_OF_FORMAT[model_format]:
        out = folder.resolve() / f"frozen-{loader}"
        error = _freeze_at_a_size(loader, target, out, sizes)
        if error is None:
            return _teacher(model_format, loader, path, out)
        if error.code != NOT_LOADABLE or (out / freezing.OPENED).exists():
            # The other loader would not get further.
            raise error
        errors.append(error)
    raise errors[_own_loader(model_format, target)]


def _own_loader(model_format: str, target: Path) -> int:
    """The place of the loader of the Keras version that wrote the file."""
    if model_format == "saved_model":
        return 0
    return int(not keras_version(target).startswith("3."))


def _freeze_at_a_size(
    loader: str, target: Path, out: Path, sizes: Sequence[Size]
) -> CompressionError | None:
    """Freeze the model at the first of ``sizes`` that it accepts; else return the first error."""
    first = None
    for size in sizes:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        error = _freeze(loader, target, out, size)
        if error is None:
            return None
        first = first or error
        if not (out / freezing.ANY_SIZE).exists():
            break
    return first


def _freeze(loader: str, target: Path, out: Path, size: Size) -> CompressionError | None:
    """Run freezing.py; return the error that it wrote, or what its exit status means."""
    arguments = [loader, str(target), str(out), *map(str, size)]
    command = [sys.executable, "-m", freezing.__name__, *arguments]
    process = subprocess.run(command, stdout=subprocess.DEVNULL, check=False, cwd=IMPORT_ROOT)
    if process.returncode == DONE:
        return None
    if (out / freezing.ERROR).exists():
        return CompressionError(**json.loads((out / freezing.ERROR).read_text()))
    if process.returncode == -signal.SIGKILL:
        # Linux kills the largest process when memory runs out.
        raise MemoryError
    message = f"its process ended with status {process.returncode}"
    if process.returncode == -signal.SIGALRM:
        message = f"it did not open within {freezing.TIMEOUT_SECONDS // 60} minutes"
    return CompressionError(NOT_LOADABLE, message, EXPORT_AGAIN)


def _teacher(model_format: str, loader: str, path: Path, out: Path) -> Teacher:
    found: Json = json.loads((out / freezing.DESCRIPTION).read_text())
    input_shape = found["input"]["shape"]
    tflite = out / freezing.TFLITE
    size = path.stat().st_size
    batch = input_shape[0] or _batch_size(input_shape[1:])
    return Teacher(
        format=model_format,
        loader=loader,
        input_shape=example_shape(input_shape),
        outputs=found["output"]["shape"][1],
        parameters=found["parameters"],
        bytes=size,
        tflite=tflite if tflite.exists() else None,
        frozen=out,
        predict=_predictor(frozen_graph.open_graph(out, found), batch),
        description={"format": model_format, "loader": loader, "bytes": size} | found,
    )


def _batch_size(shape: list[int]) -> int:
    # A teacher's activations are many times larger than its input.
    return max(1, min(MAX_BATCH, BATCH_BYTES // (4 * math.prod(shape))))


def _predictor(graph: frozen_graph.GraphFunction, batch: int) -> Predict:
    def predict(examples: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        outputs = []
        try:
            for start in range(0, len(examples), batch):
                outputs.append(graph(examples[start : start + batch]).numpy())
        except tf.errors.InvalidArgumentError as error:
            message = f"The model does not accept the images: {error.message[:300]}"
            raise unsupported_input(message) from error
        return np.concatenate(outputs).astype(np.float32)

    return predict
