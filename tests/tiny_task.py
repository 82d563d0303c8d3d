"""Run as a process, so that no test process loads TensorFlow: a small task with a teacher that has
learnt it.

    python tests/tiny_task.py OUT [COUNT]

writes OUT/data.zip (two kinds of stripes, a dozen 8 x 8 PNGs of each in class folders, or COUNT)
and OUT/teacher.keras.
"""

import io
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image

SIDE, GIVEN_PER_CLASS, TAUGHT_PER_CLASS = 8, 12, 100
CLASSES = ("across", "upright")


def images(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes of random width, phase and colour; uint8 [count, SIDE, SIDE, 3]."""
    y, x = np.mgrid[:SIDE, :SIDE]
    position = {"across": y, "upright": x}[kind]
    widths, phases = rng.uniform(0.8, 1.4, (count, 1, 1)), rng.uniform(0, 6, (count, 1, 1))
    waves = (np.sin(position * widths + phases) > 0)[..., None]
    dark, light = rng.integers(0, 100, (count, 1, 1, 3)), rng.integers(150, 255, (count, 1, 1, 3))
    return np.where(waves, light, dark).astype(np.uint8)


def write_zip(path: Path, data: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for kind, batch in data.items():
            for number, image in enumerate(batch):
                file = io.BytesIO()
                Image.fromarray(image).save(file, "PNG")
                archive.writestr(f"{kind}/{number:03d}.png", file.getvalue())


def teacher(x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Wider than the task needs, since the largest student is to be smaller."""
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(48, 3, activation="relu"),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(CLASSES), activation="softmax"),
        ]
    )
    network.compile(
        keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    network.fit(x, y, batch_size=32, epochs=12, verbose=0)
    return network


def main(out: Path, given: int = GIVEN_PER_CLASS) -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    taught = max(given, TAUGHT_PER_CLASS)
    data = {kind: images(kind, taught, rng) for kind in CLASSES}
    write_zip(out / "data.zip", {kind: batch[:given] for kind, batch in data.items()})
    labels = np.repeat(np.arange(len(CLASSES)), taught)
    teacher(np.concatenate(list(data.values())), labels).save(out / "teacher.keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
