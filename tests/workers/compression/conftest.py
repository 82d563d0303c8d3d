"""Small real inputs for the engine: striped images of three classes, and a teacher for them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from service.contract.job import JobSpec
from workers.compression.images.augmentation import preprocessing

SIDE, CLASSES = 16, ("blue", "green", "red")
AS_STORED = preprocessing(mirrored=False, shift=0)


def full_spec(**fields: Any) -> dict[str, Any]:
    """A job's spec with every field filled in, as the engine gets it."""
    return JobSpec(**fields).model_dump(mode="json")


def no_progress(stage: str, fraction: float, **details: Any) -> None:
    """A progress callback that does nothing."""


def striped(label: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (16, 16, 3): noise in which one colour channel, the class, is stronger."""
    image = rng.integers(0, 120, (SIDE, SIDE, 3))
    image[:, :, 2 - label] += rng.integers(60, 130)
    return image.astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return path


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """Writes a zip from names and contents."""

    def write(files: dict[str, bytes], name: str = "data.zip") -> Path:
        return write_zip(tmp_path / name, files)

    return write


def class_folders(per_class: int, prefix: str = "", seed: int = 0) -> dict[str, bytes]:
    """Images of the three classes, in folders below ``prefix``."""
    rng = np.random.default_rng(seed)
    files = {}
    for label, name in enumerate(CLASSES):
        for number in range(per_class):
            files[f"{prefix}{name}/{number:03d}.png"] = png(striped(label, rng))
    return files


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with 40 training and 20 test images of each class."""
    files = class_folders(40, "train/") | class_folders(20, "test/", seed=1)
    return write_zip(tmp_path_factory.mktemp("stripes") / "stripes.zip", files)


@pytest.fixture(scope="session")
def stripe_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .keras teacher for ``stripes``: trained on pixels / 255, it returns probabilities."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(2)
    labels = np.arange(384) % 3
    images = np.stack([striped(label, rng) for label in labels]) / 255.0
    layers = [
        keras.Input((SIDE, SIDE, 3)),
        keras.layers.Conv2D(16, 3, activation="tanh"),
        keras.layers.Conv2D(64, 3, activation="tanh"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    optimizer, loss = keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.fit(images, labels, epochs=12, batch_size=32, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.9
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    model.save(path)
    return path
