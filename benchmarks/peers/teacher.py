"""The teacher quantized after its training, by the TFLite converter and ai-edge-quantizer."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import real_data
from benchmarks.peers import environment, images
from benchmarks.peers.peer import MODEL, Peer

FILE = real_data.FOLDER / "teachers" / "cifar10-resnet32" / "resnet.h5"
RECIPES = {"int8": "static_wi8_ai8", "dynamic": "dynamic_wi8_afp32"}


def peers(root: Path) -> list[Peer]:
    own = [
        Peer(f"teacher-{kind}", f"teacher-{kind}", partial(_convert, kind))
        for kind in ("float32", "dynamic", "int8")
    ]
    others = [
        Peer(f"teacher-aeq-{kind}", f"teacher-aeq-{kind}", partial(_quantize, root, recipe))
        for kind, recipe in RECIPES.items()
    ]
    return own + others


def load() -> Any:
    """The teacher as a Keras model: standardized images to probabilities."""
    import keras

    return keras.saving.load_model(FILE, compile=False)


def _convert(kind: str, folder: Path) -> float:
    (folder / MODEL).write_bytes(_converted(kind))
    return 0.0


def _quantize(root: Path, recipe: str, folder: Path) -> float:
    source, sample = folder / "float32.tflite", folder / "sample.npy"
    source.write_bytes(_converted("float32"))
    np.save(sample, images.sample(images.STANDARDIZED))
    environment.run(root, "edge_quantizer", recipe, source, sample, folder / MODEL)
    return 0.0


def _converted(kind: str) -> bytes:
    from benchmarks.peers.convert import converted

    return converted(load(), kind)
