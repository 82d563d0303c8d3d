"""Changes of images that keep their class: mirroring and shifts."""

from functools import partial

import keras
import numpy as np
from keras import ops

from workers.compression.images import pixels
from workers.compression.images.reading import ReportFraction, report_no_fraction
from workers.compression.values import (
    Augmentation,
    Dataset,
    PreparedTeacher,
    Preprocessing,
    Shape,
    Split,
    Tensor,
)

MAX_LOSS, LARGE_LOSS = 0.02, 0.15
"""Of the teacher's top-1; a large one is seen on few images already."""
FIRST_IMAGES, TRIED_IMAGES, TRIED_SHARE = 100, 300, 0.03
"""Tried are 300 images and as many as three in a hundred of those for training."""
SHIFTS = (1 / 8, 1 / 16, 1 / 32)
MIRRORED = 1
"""The number of the view that is the mirror image."""


def tolerated_augmentation(
    teacher: PreparedTeacher, data: Dataset, report_fraction: ReportFraction = report_no_fraction
) -> Augmentation:
    """The changes that cost the teacher at most 2 points of top-1.

    They are tried on validation images and, where these are few, on training images whose logits
    are known. Most photos keep their class when mirrored and shifted, but digits and text do not
    when mirrored, nor centred objects when shifted; and the teacher's output for an image that it
    no longer recognizes is no target for a student ("how to train three students in few epochs" in
    docs/experiments.md).
    """
    sample, correct = _sample(teacher, data)
    shifts = [shift for shift in SHIFTS if _distance(sample, shift)]

    mirrored = _is_tolerated(teacher, make_view(sample.features, MIRRORED), sample.labels, correct)
    report_fraction(1 / (1 + len(shifts)))
    for number, shift in enumerate(shifts, 2):
        moved = _shift_to_corners(sample.features, _distance(sample, shift))
        if _is_tolerated(teacher, moved, sample.labels, correct):
            report_fraction(1.0)
            return Augmentation(mirrored, shift)
        report_fraction(number / (1 + len(shifts)))
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


def _sample(teacher: PreparedTeacher, data: Dataset) -> tuple[Split, np.ndarray]:
    """Images in a random order, and which of them (N,) the teacher classifies correctly."""
    count = min(data.val.sample_size, TRIED_IMAGES + int(TRIED_SHARE * len(data.train)))
    val = data.val.sample(count)
    rows = teacher.known.rows[: count - len(val)]
    logits = [teacher.predict_logits(val.features), teacher.known.logits[: len(rows)]]
    features = np.concatenate([val.features, data.train.features[rows]])
    labels = np.concatenate([val.labels, data.train.labels[rows]])
    order = np.random.default_rng(0).permutation(len(labels))
    correct = np.concatenate(logits).argmax(1) == labels
    return Split(features[order], labels[order]), correct[order]


def _is_tolerated(
    teacher: PreparedTeacher, changed: np.ndarray, labels: np.ndarray, correct: np.ndarray
) -> bool:
    """Whether the teacher classifies at most 2 points less of the ``changed`` images correctly.

    After the first of them it is known already where most are lost.
    """
    kept = teacher.predict_logits(changed[:FIRST_IMAGES]).argmax(1) == labels[:FIRST_IMAGES]
    if correct[:FIRST_IMAGES].mean() - kept.mean() > LARGE_LOSS:
        return False
    if len(labels) > FIRST_IMAGES:
        others = teacher.predict_logits(changed[FIRST_IMAGES:]).argmax(1) == labels[FIRST_IMAGES:]
        kept = np.concatenate([kept, others])
    return bool(correct.mean() - kept.mean() <= MAX_LOSS)


def _distance(sample: Split, shift: float) -> int:
    """In pixels."""
    return round(shift * float(max(sample.features.shape[1:3])))


def _shift_to_corners(images: np.ndarray, distance: int) -> np.ndarray:
    """The images shifted by ``distance`` pixels to two opposite corners, by turns.

    Their edges are repeated.
    """
    border = (distance, distance)
    padded = np.pad(images, ((0, 0), border, border, (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    moved = padded[:, :height, :width]
    moved[1::2] = padded[1::2, 2 * distance :, 2 * distance :]
    return moved
