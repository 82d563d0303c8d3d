"""Train teacher.keras, the model that the demo compresses, on images.zip.

python examples/fashion/train_teacher.py
"""

import io
import zipfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
EPOCHS, BATCH, RATE = 12, 64, 2e-3


def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 28, 28, 1) and labels (N,) of one split, classes in sorted order."""
    with zipfile.ZipFile(FOLDER / "images.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{split}/")]
        classes = sorted({name.split("/")[1] for name in names})
        pixels = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    return np.stack(pixels)[..., None], np.array(
        [classes.index(name.split("/")[1]) for name in names]
    )


def network() -> keras.Model:
    """Six convolutions of 32 to 256 channels, 436,000 parameters.

    The input is pixels divided by 255, the output probabilities.
    """
    inputs = x = keras.Input((28, 28, 1))
    for filters, pool in (
        (32, False),
        (32, True),
        (64, False),
        (64, True),
        (128, False),
        (256, False),
    ):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x) if pool else x
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.3)(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def main() -> None:
    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = images("train"), images("test")
    model = network()
    schedule = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * len(x) // BATCH)
    model.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x / 255.0, y, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    print("test accuracy:", model.evaluate(x_test / 255.0, y_test, verbose=0)[1])
    path = FOLDER / "teacher.keras"
    model.save(path)
    keras.saving.load_model(path, compile=False).save(path)


if __name__ == "__main__":
    main()
