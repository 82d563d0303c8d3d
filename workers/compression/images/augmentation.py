"""Changes of images that keep their class: mirroring and shifts."""

from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
from keras import ops

from workers.compression.images import pixels
from workers.compression.values import (
    Augmentation,
    Dataset,
    Predict,
    Preprocessing,
    Shape,
    Split,
    Tensor,
)

MAX_LOSS = 0.02
SHIFTS = (1 / 8, 1 / 16, 1 / 32)
MIRRORED = 1
"""The number of the view that is the mirror image."""


def tolerated_augmentation(predict_logits: Predict, data: Dataset) -> Augmentation:
    """The changes that cost the teacher at most 2 points of top-1.

    They are tried on validation images and, where these are few, training images. Most photos keep
    their class when mirrored and shifted, but digits and text do not when mirrored, nor centred
    objects when shifted; and the teacher's output for an image that it no longer recognizes is no
    target for a student ("how to train three students in few epochs" in docs/experiments.md).
    """
    sample = _sample(data)

    def top1(images: np.ndarray) -> float:
        return float((predict_logits(images).argmax(1) == sample.labels).mean())

    lowest = top1(sample.features) - MAX_LOSS

    def is_tolerated(changed: Sequence[np.ndarray]) -> bool:
        return float(np.mean([top1(images) for images in changed])) >= lowest

    mirrored = is_tolerated([make_view(sample.features, MIRRORED)])
    for shift in SHIFTS:
        distance = round(shift * max(sample.features.shape[1:3]))
        if distance and is_tolerated(_shift_to_corners(sample.features, distance)):
            return Augmentation(mirrored, shift)
    return Augmentation(mirrored, 0.0)


def preprocessing(mirrored: bool, shift: int) -> Preprocessing:
    """How images become the students' input in training.

    With ``mirrored``, half of the images are mirrored; each is shifted by up to ``shift`` pixels.
    """
    return Preprocessing(
        views=2 if mirrored else 1,
        make_view=make_view,
        scale=pixels.scale,
        augment=partial(_augment, mirrored=mirrored, shift=shift),
        resize=resize,
    )


def make_view(images: np.ndarray, view: int) -> np.ndarray:
    """The images (N, height, width, channels), mirrored for view 1."""
    return images[:, :, ::-1] if view == MIRRORED else images


def resize(images: Tensor, shape: Shape) -> Tensor:
    """The images (B, height, width, channels) at the height and width of ``shape``."""
    size = tuple(shape[:2])
    if tuple(images.shape[1:3]) == size:
        return images
    return ops.image.resize(images, size)


def translate(images: Tensor, distance: int, seeds: keras.random.SeedGenerator) -> Tensor:
    """Shift each image of a batch by up to ``distance`` pixels, and repeat its edge."""
    batch, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]

    # A shift is a product with a matrix of zeros and ones, which is fast on every accelerator.
    def selection(size: int) -> Tensor:
        offsets = keras.random.randint((batch, 1), -distance, distance + 1, seed=seeds)
        return ops.one_hot(ops.clip(ops.arange(size)[None] + offsets, 0, size - 1), size)

    images = ops.einsum("bij,bjwc->biwc", selection(height), images)
    return ops.einsum("bij,bhjc->bhic", selection(width), images)


def _augment(
    images: Tensor,
    views: Tensor,
    seeds: keras.random.SeedGenerator,
    mirrored: bool,
    shift: int,
) -> Tensor:
    if mirrored:
        is_mirrored = ops.equal(views, MIRRORED)[:, None, None, None]
        images = ops.where(is_mirrored, ops.flip(images, axis=2), images)
    if shift:
        images = translate(images, shift, seeds)
    return images


def _sample(data: Dataset) -> Split:
    val = data.val.sample(data.val.sample_size)
    train = data.train.sample(data.val.sample_size - len(val))
    features = np.concatenate([val.features, train.features])
    return Split(features, np.concatenate([val.labels, train.labels]))


def _shift_to_corners(images: np.ndarray, distance: int) -> list[np.ndarray]:
    """The images shifted by ``distance`` pixels to two opposite corners, with repeated edges."""
    border = (distance, distance)
    padded = np.pad(images, ((0, 0), border, border, (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    first = padded[:, :height, :width]
    second = padded[:, 2 * distance :, 2 * distance :]
    return [first, second]
