"""Trains TrashNet's teacher in plain Keras: a residual network of 0.7 million parameters.

    python -m benchmarks.trashnet.teacher DATA TEACHER [--epochs N] [--seed N]

It takes pixels 0..255 and returns probabilities. It is trained on the training images of the split
that the engine makes of DATA with the same seed, so it sees no test image. The accuracy on the
validation images is printed after every epoch.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import keras
from keras import layers

from service.contract.job import JobSpec
from workers.compression.images import splits
from workers.compression.values import Dataset

SHAPE = (128, 128, 3)
STAGES, BLOCKS = (32, 64, 128), 2
EPOCHS, BATCH, RATE, DECAY = 80, 32, 1e-3, 5e-2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="archive of class folders, as it is given to the engine"
    )
    parser.add_argument("teacher", type=Path, help=".keras file to write")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="[%(default)s]")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the split, the weights and the batches [%(default)s]",
    )
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    with tempfile.TemporaryDirectory() as scratch:
        spec = JobSpec(seed=args.seed).model_dump(mode="json")
        images = splits.load(args.data, SHAPE, spec, Path(scratch), lambda _: None)
        network = classifier(len(images.classes))
        train(network, images, args.epochs)
    staged = args.teacher.with_suffix(".staged.keras")
    network.save(staged)
    os.replace(staged, args.teacher)


def classifier(classes: int) -> keras.Model:
    """CIFAR's residual network (He et al. 2015, section 4.2), twice as wide, for larger images."""
    inputs = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for _ in range(2):
        x = layers.ReLU()(_convolved(x, STAGES[0], stride=2))
    for stage, filters in enumerate(STAGES):
        for block in range(BLOCKS):
            x = _residual(x, filters, stride=2 if stage and not block else 1)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name="trashnet")


def train(network: keras.Model, images: Dataset, epochs: int) -> None:
    """Train ``network`` on augmented images; its file contains no augmentation and no optimizer."""
    trained = keras.Sequential([keras.Input(SHAPE), *_augmentation(), network])
    schedule = keras.optimizers.schedules.CosineDecay(RATE, epochs * -(-len(images.train) // BATCH))
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    trained.compile(
        keras.optimizers.AdamW(schedule, weight_decay=DECAY), loss, metrics=["accuracy"]
    )
    x, y = images.train.features, _one_hot(images, "train")
    held_out = images.val.features, _one_hot(images, "val")
    trained.fit(x, y, batch_size=BATCH, epochs=epochs, validation_data=held_out, verbose=2)


def _augmentation() -> list[keras.layers.Layer]:
    return [
        layers.RandomFlip("horizontal_and_vertical"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
        layers.RandomZoom(0.15, fill_mode="nearest"),
        layers.RandomBrightness(0.2),
        layers.RandomContrast(0.2),
    ]


def _one_hot(images: Dataset, split: str) -> Any:
    return keras.utils.to_categorical(getattr(images, split).labels, len(images.classes))


def _residual(x: Any, filters: int, stride: int) -> Any:
    y = layers.ReLU()(_convolved(x, filters, stride=stride))
    y = _convolved(y, filters)
    x = x if y.shape == x.shape else _convolved(x, filters, size=1, stride=stride)
    return layers.ReLU()(layers.Add()([x, y]))


def _convolved(x: Any, filters: int, size: int = 3, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


if __name__ == "__main__":
    main()
