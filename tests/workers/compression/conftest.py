"""Small real inputs for the engine: striped images of a few classes, and a Keras teacher that knows
them.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE, CLASSES = 16, ("blue", "green", "red")


def striped(label: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (16, 16, 3): noise, with one colour channel stronger; the channel is the class."""
    image = rng.integers(0, 120, (SIDE, SIDE, 3))
    image[:, :, 2 - label] += rng.integers(60, 130)
    return image.astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """Write a zip from names and bytes."""

    def write(files: dict[str, bytes], name: str = "data.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return tmp_path / name

    return write


def class_folders(per_class: int, prefix: str = "", seed: int = 0) -> dict[str, bytes]:
    """Files of the three classes below ``prefix``."""
    rng = np.random.default_rng(seed)
    return {
        f"{prefix}{name}/{i:03d}.png": png(striped(label, rng))
        for label, name in enumerate(CLASSES)
        for i in range(per_class)
    }


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with train and test folders: 40 and 20 images of each class."""
    path = tmp_path_factory.mktemp("stripes") / "stripes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in (
            class_folders(40, "train/") | class_folders(20, "test/", seed=1)
        ).items():
            archive.writestr(member, content)
    return path


@pytest.fixture(scope="session")
def stripe_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained .keras teacher for ``stripes`` that was trained on pixels / 255 and returns
    probabilities.
    """
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(2)
    labels = np.arange(384) % 3
    images = np.stack([striped(label, rng) for label in labels]) / 255.0
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Conv2D(64, 3, activation="tanh"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(images, labels, epochs=12, batch_size=32, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.9
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    model.save(path)
    return path
