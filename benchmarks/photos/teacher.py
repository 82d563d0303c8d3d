"""Makes a teacher for photos of a backbone that was trained on ImageNet, in minutes.

    python -m benchmarks.photos.teacher {efficientnet-lite0,resnet50} DATA TEACHER [--side N]
    python -m benchmarks.photos.teacher efficientnet-lite0 DATA --probe
        only a linear classifier on the backbone's features, in five folds

A new head learns from the features of the training images and their mirror images, which are
computed once; then all layers are trained for some epochs. The batch normalization stays as it was
on ImageNet. The teacher takes pixels 0..255 and returns probabilities. It sees the training images
of the split that the engine makes of DATA with the same seed; the accuracy on the validation images
is printed.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.photos import efficientnet_lite0, resnet50
from service.contract.job import JobSpec
from workers.compression.images import splits
from workers.compression.values import Dataset, Split

BACKBONES = {"efficientnet-lite0": efficientnet_lite0.backbone, "resnet50": resnet50.backbone}
FOLDS = 5
HEAD_EPOCHS, HEAD_RATE = 20, 1e-3
BATCH, RATE = 32, 3e-5


def main() -> None:
    args = _parser().parse_args()
    keras.utils.set_random_seed(args.seed)
    args.packages.mkdir(parents=True, exist_ok=True)
    network = BACKBONES[args.backbone](args.side, args.packages)
    with tempfile.TemporaryDirectory() as scratch:
        images = load_images(args.data, args.side, args.seed, Path(scratch))
        if args.probe:
            everything = _joined([images.train, images.val, images.test])
            print(f"{probe(network, everything, len(images.classes)):.2%} in {FOLDS} folds")
            return
        teacher = make(network, images, args.epochs)
    staged = args.teacher.with_suffix(".staged.keras")
    teacher.save(staged)
    os.replace(staged, args.teacher)


def load_images(data: Path, side: int, seed: int, folder: Path) -> Dataset:
    """The engine's splits of an archive, at the teacher's size."""
    spec = JobSpec(seed=seed).model_dump(mode="json")
    return splits.load(data, (side, side, 3), spec, folder, lambda _: None)


def make(backbone: keras.Model, images: Dataset, epochs: int) -> keras.Model:
    """``backbone`` with a head for the classes of ``images``, fine-tuned."""
    started = time.monotonic()
    train = images.train
    features = [_features(backbone, x) for x in (train.features, train.features[:, :, ::-1])]
    head = _trained_head(np.concatenate(features), np.tile(train.labels, 2), len(images.classes))
    _freeze_normalization(backbone)
    teacher = keras.Model(backbone.input, head(backbone(backbone.input)))
    if epochs:
        _fine_tune(teacher, images, epochs)
    print(f"{time.monotonic() - started:.0f} s")
    return teacher


def _freeze_normalization(network: keras.Model) -> None:
    """Let it normalize as on ImageNet, also in training."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            _freeze_normalization(layer)
        elif isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def probe(backbone: keras.Model, images: Split, classes: int) -> float:
    """The top-1 of a linear classifier on features, over images that it was not trained on."""
    features = _features(backbone, images.features)
    fold_of = np.random.default_rng(0).permutation(len(images)) % FOLDS
    correct = 0
    for fold in range(FOLDS):
        inside = fold_of != fold
        head = _trained_head(features[inside], images.labels[inside], classes)
        found = head.predict(features[~inside], verbose=0).argmax(1)
        correct += int((found == images.labels[~inside]).sum())
    return correct / len(images)


def _features(backbone: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return np.asarray(backbone.predict(pixels.astype(np.float32), batch_size=32, verbose=0))


def _trained_head(features: np.ndarray, labels: np.ndarray, classes: int) -> keras.Model:
    """A linear layer with softmax, trained on standardized features.

    The standardization is multiplied into its weights.
    """
    mean, deviation = features.mean(0), features.std(0) + 1e-3
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            layers.Dense(classes, activation="softmax", kernel_initializer="zeros"),
        ]
    )
    optimizer = keras.optimizers.AdamW(HEAD_RATE, weight_decay=0.1)
    head.compile(optimizer, "sparse_categorical_crossentropy")
    standardized = (features - mean) / deviation
    head.fit(standardized, labels, batch_size=64, epochs=HEAD_EPOCHS, verbose=0)
    kernel, bias = head.get_weights()
    kernel = kernel / deviation[:, None]
    head.set_weights([kernel, bias - mean @ kernel])
    return head


def _fine_tune(teacher: keras.Model, images: Dataset, epochs: int) -> None:
    augmentation = [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
        layers.RandomZoom(0.15, fill_mode="nearest"),
    ]
    trained = keras.Sequential([keras.Input(teacher.input_shape[1:]), *augmentation, teacher])
    steps = epochs * -(-len(images.train) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        RATE / 10, steps, warmup_target=RATE, warmup_steps=steps // 10
    )
    optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
    trained.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    trained.fit(
        images.train.features,
        images.train.labels,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=(images.val.features, images.val.labels),
        verbose=2,
    )


def _joined(parts: list[Split]) -> Split:
    features: Any = np.concatenate([part.features for part in parts])
    return Split(features, np.concatenate([part.labels for part in parts]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone", choices=sorted(BACKBONES))
    parser.add_argument("data", type=Path, help="archive of class folders")
    parser.add_argument("teacher", type=Path, nargs="?", help=".keras file to write")
    parser.add_argument("--side", type=int, default=160, help="of the input, pixels [%(default)s]")
    parser.add_argument(
        "--epochs", type=int, default=4, help="of fine-tuning, 0 for none [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=0, help="of split and batches [%(default)s]")
    parser.add_argument("--packages", type=Path, default=Path("out/packages"), help="[%(default)s]")
    parser.add_argument("--probe", action="store_true")
    return parser


if __name__ == "__main__":
    main()
