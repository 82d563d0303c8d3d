"""The fixed teacher's outputs over the training images, computed once: it then costs nothing per
epoch.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.compression.disk_arrays import allocate
from workers.compression.values import Augmentation, Dataset, Split, TeacherOutputs

MOST_LOSS = 0.02
SHIFTS = (1 / 8, 1 / 16, 1 / 32)
CHUNK = 1024

Logits = Callable[[np.ndarray], np.ndarray]


def harmless(logits: Logits, images: Dataset) -> Augmentation:
    """What the teacher tolerates with at most 2 points of top-1 lost, on validation and, if few,
    training images.

    Digits and text do not survive a mirror and centred objects no shift, most photos do both; and
    where the teacher no longer knows an image, its output is no target for it.
    """

    def tolerated(*changed: np.ndarray) -> bool:
        return bool(np.mean([accuracy(images) for images in changed]) >= upright - MOST_LOSS)

    def accuracy(images: np.ndarray) -> float:
        return float((logits(images).argmax(1) == sample.labels).mean())

    sample = _sample(images)
    upright = accuracy(sample.images)
    side = max(sample.images.shape[1:3])
    steps = ((share, round(share * side)) for share in SHIFTS)
    shift = next(
        (share for share, step in steps if step and tolerated(*_corners(sample.images, step))), 0.0
    )
    return Augmentation(tolerated(sample.images[:, :, ::-1]), shift)


def cache(
    logits: Logits, train: Split, mirrored: bool, folder: Path, progress: Callable[[float], None]
) -> TeacherOutputs:
    """Logits float32 (views, N, classes) in a memory map below ``folder``; the second view is the
    mirror image.
    """
    views = [slice(None), slice(None, None, -1)][: 1 + mirrored]
    shape = (len(views), len(train), logits(train.images[:1]).shape[1])
    stored = allocate(folder / "teacher_logits.npy", np.float32, shape)
    for start in range(0, len(train), CHUNK):
        rows = slice(start, start + CHUNK)
        for view, columns in enumerate(views):
            stored[view, rows] = logits(train.images[rows, :, columns])
        progress(min(1.0, (start + CHUNK) / len(train)))
    return TeacherOutputs(stored)


def none(train: Split, mirrored: bool, classes: int) -> TeacherOutputs:
    """In place of a cache where the teacher is trained along: its logits of the moment are the
    targets.
    """
    return TeacherOutputs(np.broadcast_to(np.float32(0.0), (1 + mirrored, len(train), classes)))


def _sample(images: Dataset) -> Split:
    val = images.val.spread(images.val.few)
    train = images.train.spread(images.val.few - len(val))
    return Split(
        np.concatenate([val.images, train.images]), np.concatenate([val.labels, train.labels])
    )


def _corners(images: np.ndarray, step: int) -> list[np.ndarray]:
    """Images (N, height, width, channels) shifted by ``step`` pixels towards two opposite corners,
    edges repeated.
    """
    padded = np.pad(images, ((0, 0), (step, step), (step, step), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    return [padded[:, row : row + height, row : row + width] for row in (0, 2 * step)]
