"""A fixed teacher's logits of the training examples, computed once and not in every epoch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.compression.disk_arrays import allocate
from workers.compression.values import Predict, Preprocessing, Split, TeacherLogits

CHUNK = 1024


def compute(
    predict_logits: Predict,
    train: Split,
    preprocessing: Preprocessing,
    folder: Path,
    report_fraction: Callable[[float], None],
) -> TeacherLogits:
    """The logits of every view of every example, float32 (views, N, classes).

    They are a memory map below ``folder``.
    """
    classes = predict_logits(train.features[:1]).shape[1]
    shape = (preprocessing.views, len(train), classes)
    stored = allocate(folder / "teacher_logits.npy", np.float32, shape)
    for start in range(0, len(train), CHUNK):
        rows = slice(start, start + CHUNK)
        for view in range(preprocessing.views):
            stored[view, rows] = predict_logits(preprocessing.make_view(train.features[rows], view))
        report_fraction(min(1.0, (start + CHUNK) / len(train)))
    return TeacherLogits(stored)


def placeholder(train: Split, views: int, classes: int) -> TeacherLogits:
    """Zeros, for a teacher that is trained too: its current logits are the targets then."""
    return TeacherLogits(np.broadcast_to(np.float32(0.0), (views, len(train), classes)))
