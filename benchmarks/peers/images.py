"""CIFAR-10 as arrays, and the augmented batches that every trained peer gets. NumPy only."""

import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks import real_data

SHIFT, BATCH, SAMPLES = 4, 128, 500


@dataclass(frozen=True)
class Scaling:
    """A network's input from pixels 0..255: (pixel - mean) / deviation, per channel or for all."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        mean, deviation = np.asarray(self.mean, np.float32), np.asarray(self.deviation, np.float32)
        scaled: np.ndarray = (pixels.astype(np.float32) - mean) / deviation
        return scaled


STANDARDIZED = Scaling((125.307, 122.95, 113.865), (62.9932, 62.0887, 66.7048))
RAW = Scaling((0.0,), (1.0,))


@dataclass(frozen=True)
class Cifar10:
    """Pixels uint8 (N, 32, 32, 3) and labels (N,) of both splits, in the canonical order."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@cache
def load() -> Cifar10:
    real_data.require()
    splits, _ = runpy.run_path(str(real_data.FOLDER / "read.py"))["cifar10"]()
    (train_images, train_labels), (test_images, test_labels) = splits["train"], splits["test"]
    return Cifar10(train_images, train_labels.ravel(), test_images, test_labels.ravel())


def sample(scaling: Scaling) -> np.ndarray:
    """500 scaled training images, with which a converter finds the ranges of tensors."""
    data = load()
    chosen = np.random.default_rng(0).choice(len(data.train_images), SAMPLES, replace=False)
    return scaling(data.train_images[chosen])


def steps(count: int) -> int:
    """Full batches per epoch over ``count`` images."""
    return max(1, count // BATCH)


def batches(count: int, *seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches (B, 32, 32, 3) and labels of the first ``count`` images.

    They are shuffled, mirrored and shifted by up to 4 pixels; edges are filled with zeros after
    scaling (He et al. 2015, section 4.2). A resumed training gives its seed and the number of its
    finished epochs, so that it gets a new order.
    """
    data, rng = load(), np.random.default_rng(seed)
    border = ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0))
    while True:
        order = rng.permutation(count)
        for start in range(0, steps(count) * BATCH, BATCH):
            rows = order[start : start + BATCH]
            framed = np.pad(STANDARDIZED(data.train_images[rows]), border)
            windows = np.lib.stride_tricks.sliding_window_view(framed, (32, 32), axis=(1, 2))
            down, right = rng.integers(0, 2 * SHIFT + 1, (2, len(rows)))
            x = windows[np.arange(len(rows)), down, right].transpose(0, 2, 3, 1)
            mirrored = rng.random(len(rows)) < 0.5
            x[mirrored] = x[mirrored, :, ::-1]
            yield x, data.train_labels[rows].astype(np.int32)
