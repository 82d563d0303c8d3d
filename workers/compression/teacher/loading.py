"""The teacher: opened by the loader that can, each in a process of its own, and frozen into one
graph.
"""

import json
import math
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.teacher import frozen_graph
from workers.compression.teacher.files import identify
from workers.compression.teacher.freezing import PATIENCE_SECONDS
from workers.compression.values import Teacher

MOST_BATCH, BATCH_BYTES = 128, 32 * 1024**2
LOADERS = {
    "keras": ("keras", "tf_keras"),
    "hdf5": ("keras", "tf_keras"),
    "saved_model": ("saved_model",),
}
HINTS = {
    "several_inputs": "Upload an image classifier that takes one image.",
    "several_outputs": "Upload a model with a single output: one score per class.",
    "unsupported_input": "Upload an image classifier: (N, height, width, channels) in, (N, classes) out.",
    "model_not_loadable": "Save the model again with a current Keras, or export it as a SavedModel.",
}


def load(path: Path, folder: Path) -> Teacher:
    """Load a .keras, HDF5 or archived SavedModel.

    Raises:
        CompressionError: what ``identify`` raises, or why no loader could open it.
    """
    kind, target = identify(path.resolve(), folder.resolve() / "upload")
    refusals = {}
    for loader in LOADERS[kind]:
        out = folder.resolve() / f"frozen-{loader}"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        if (error := _freeze(loader, target, out)) is None:
            return _teacher(kind, loader, path, out)
        refusals[loader] = error
        if error["code"] != "model_not_loadable":
            break
    last = list(refusals.values())[-1]
    code, every = (
        last["code"],
        "; ".join(f"{name}: {each['message']}" for name, each in refusals.items()),
    )
    hint = last["hint"] or HINTS[code]
    raise CompressionError(code, every if code == "model_not_loadable" else last["message"], hint)


def _freeze(loader: str, target: Path, out: Path) -> dict[str, str] | None:
    command = [
        sys.executable,
        "-m",
        "workers.compression.teacher.freezing",
        loader,
        str(target),
        str(out),
    ]
    # Not from the work folder: Python would look for modules among the uploads.
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, check=False, cwd=Path(__file__).parents[3]
    )
    if done.returncode == 0:
        return None
    if (out / "error.json").exists():
        return dict(json.loads((out / "error.json").read_text()))
    if done.returncode == -signal.SIGKILL:
        raise MemoryError
    if done.returncode == -signal.SIGALRM:
        message = f"it was not open after {PATIENCE_SECONDS // 60} minutes"
        return {"code": "model_not_loadable", "message": message, "hint": ""}
    return {
        "code": "model_not_loadable",
        "message": f"its process ended with {done.returncode}",
        "hint": "",
    }


def _teacher(kind: str, loader: str, path: Path, out: Path) -> Teacher:
    about: dict[str, Any] = json.loads((out / "teacher.json").read_text())
    shape = about["input"]["shape"][1:]
    tflite = out / "teacher.tflite"
    return Teacher(
        format=kind,
        loader=loader,
        input_shape=(shape[0], shape[1], shape[2] if len(shape) == 3 else 1),
        outputs=about["output"]["shape"][1],
        parameters=about["parameters"],
        bytes=path.stat().st_size,
        tflite=tflite if tflite.exists() else None,
        frozen=out,
        predict=_predictor(
            frozen_graph.opened(out, about), about["input"]["shape"][0] or _batch(shape)
        ),
        description={"format": kind, "loader": loader, "bytes": path.stat().st_size} | about,
    )


def _batch(shape: list[int]) -> int:
    """Of images that are looked at at once: the maps of a teacher are many times as large as they."""
    return max(1, min(MOST_BATCH, BATCH_BYTES // (4 * math.prod(shape))))


def _predictor(graph: Callable[[Any], Any], batch: int) -> Callable[[np.ndarray], np.ndarray]:
    def predict(images: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        try:
            parts = [graph(images[i : i + batch]).numpy() for i in range(0, len(images), batch)]
        except tf.errors.InvalidArgumentError as error:
            message = f"The model does not take the images: {error.message[:300]}"
            raise CompressionError(
                "unsupported_input", message, HINTS["unsupported_input"]
            ) from error
        return np.concatenate(parts).astype(np.float32)

    return predict
