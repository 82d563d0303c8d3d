"""The usual ways in which networks scale their pixels."""

from collections.abc import Callable
from functools import partial

import numpy as np

from workers.compression.images import pixels
from workers.compression.values import InputContract, InputMap

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
MIN_STD = 1e-6
SWAPPED_NAMES = {"caffe": "caffe_rgb"}
"""Names of scalings with the channels in reverse order, where they are not NAME_bgr."""
USUAL = ("raw", "unit", "symmetric", "standardized", "imagenet", "caffe")
INVERTIBLE = ("raw", "unit", "symmetric", "standardized", "per_image")

Scaling = Callable[[np.ndarray], np.ndarray]


def scalings(mean: np.ndarray, std: np.ndarray, channels: int) -> dict[str, Scaling]:
    """Functions from float32 pixels 0..255 (N, height, width, channels), RGB, to a network's input.

    ``mean`` and ``std`` are those of the training images, one per channel. The most usual come
    first.
    """
    known = _usual(mean, std, channels)
    swapped: dict[str, Scaling] = {}
    if channels == 3:
        for name, scaling in known.items():
            swapped[SWAPPED_NAMES.get(name, f"{name}_bgr")] = partial(_swapped, scaling=scaling)
    inverted = {f"{name}_inverted": partial(_inverted, scaling=known[name]) for name in INVERTIBLE}
    return known | swapped | inverted


def _usual(mean: np.ndarray, std: np.ndarray, channels: int) -> dict[str, Scaling]:
    grey_or_colour: dict[str, Scaling] = {
        "raw": lambda x: x,
        "unit": lambda x: x / 255.0,
        "symmetric": lambda x: x / 127.5 - 1.0,
        "standardized": partial(_standardize, mean=mean, std=std),
        "per_image": _standardize_each,
    }
    if channels != 3:
        return grey_or_colour
    imagenet_mean = np.asarray(IMAGENET_MEAN, np.float32)
    imagenet_std = np.asarray(IMAGENET_STD, np.float32)
    caffe_mean = np.asarray(CAFFE_MEAN_BGR, np.float32)
    return grey_or_colour | {
        "imagenet": partial(_standardize, mean=imagenet_mean, std=imagenet_std),
        "caffe": lambda x: x[..., ::-1] - caffe_mean,
    }


def is_usual(name: str) -> bool:
    """Whether many networks are trained with it; the others must suit a teacher clearly better."""
    return name in USUAL


def scaling_of(contract: InputContract, channels: int) -> Scaling:
    """The function for the scaling of ``contract``."""
    mean, std = np.asarray(contract.mean, np.float32), np.asarray(contract.std, np.float32)
    return scalings(mean, std, channels)[contract.scaling]


def student_to_teacher(contract: InputContract, channels: int) -> InputMap | None:
    """The matrix m (channels, channels) and the offset b (channels,) between two inputs.

    ``x @ m + b`` is the teacher's input for a student's input x. None where the scaling of each
    image depends on all of its pixels.
    """
    if contract.scaling.startswith("per_image"):
        return None
    # Every other scaling is affine: its values for black and for each channel alone tell all of it.
    probes = np.concatenate([np.zeros((1, channels)), np.eye(channels)]).astype(np.float32)
    offset, *steps = scaling_of(contract, channels)(probes[:, None, None, :])[:, 0, 0, :]
    matrix = np.stack(steps) - offset
    return matrix * pixels.STD, offset + pixels.MEAN * matrix.sum(0)


def mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of uint8 images (N, height, width, channels)."""
    counts = []
    for channel in range(images.shape[-1]):
        counts.append(np.bincount(images[..., channel].ravel(), minlength=256))
    levels, shares = np.arange(256.0), np.array(counts) / counts[0].sum()
    mean = shares @ levels
    std = np.sqrt(shares @ levels**2 - mean**2) + MIN_STD
    return mean.astype(np.float32), std.astype(np.float32)


def _standardize(x: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.asarray((x - mean) / std)


def _standardize_each(x: np.ndarray) -> np.ndarray:
    """As ``tf.image.per_image_standardization``: the deviation is at least 1 / sqrt(pixels)."""
    axes = (1, 2, 3)
    least = 1 / np.sqrt(np.prod(x.shape[1:]))
    std = np.maximum(x.std(axes, keepdims=True), least)
    return np.asarray((x - x.mean(axes, keepdims=True)) / std)


def _swapped(x: np.ndarray, scaling: Scaling) -> np.ndarray:
    return scaling(x)[..., ::-1]


def _inverted(x: np.ndarray, scaling: Scaling) -> np.ndarray:
    return scaling(255.0 - x)
