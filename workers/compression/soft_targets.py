"""The fixed teacher's outputs over the training images, computed once: it then costs nothing per epoch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.compression.values import Split, TeacherOutputs

MOST_MIRROR_LOSS = 0.02
CHUNK = 1024

Logits = Callable[[np.ndarray], np.ndarray]


def mirror_is_harmless(logits: Logits, sample: Split) -> bool:
    """Whether the teacher still knows mirrored images: digits and text do not survive a mirror, most photos do."""
    upright = (logits(sample.images).argmax(1) == sample.labels).mean()
    mirrored = (logits(sample.images[:, :, ::-1]).argmax(1) == sample.labels).mean()
    return bool(mirrored >= upright - MOST_MIRROR_LOSS)


def cache(
    logits: Logits, train: Split, mirrored: bool, folder: Path, progress: Callable[[float], None]
) -> TeacherOutputs:
    """Logits float32 (views, N, classes) in a memory map below ``folder``; the second view is the mirror image."""
    views = [slice(None), slice(None, None, -1)][: 1 + mirrored]
    shape = (len(views), len(train), logits(train.images[:1]).shape[1])
    stored = np.lib.format.open_memmap(folder / "teacher_logits.npy", mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(train), CHUNK):
        rows = slice(start, start + CHUNK)
        for view, columns in enumerate(views):
            stored[view, rows] = logits(train.images[rows, :, columns])
        progress(min(1.0, (start + CHUNK) / len(train)))
    return TeacherOutputs(stored, mirrored)
