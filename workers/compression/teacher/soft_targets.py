"""A fixed teacher's logits of the training examples, computed once and not in every epoch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.compression.disk_arrays import allocate
from workers.compression.values import (
    KnownLogits,
    Predict,
    Preprocessing,
    Split,
    TeacherLogits,
)

CHUNK = 256


def compute(
    predict_logits: Predict,
    train: Split,
    preprocessing: Preprocessing,
    folder: Path,
    report_fraction: Callable[[float], None],
    known: KnownLogits,
) -> TeacherLogits:
    """The logits of every view of every example, float32 (views, N, classes).

    They are a memory map below ``folder``. Those that are ``known`` are not computed again.
    """
    shape = (preprocessing.views, len(train), known.logits.shape[1])
    stored = allocate(folder / "teacher_logits.npy", np.float32, shape)
    stored[0, known.rows] = known.logits
    unknown = np.setdiff1d(np.arange(len(train)), known.rows)
    rows_of_views = [unknown, *[np.arange(len(train))] * (preprocessing.views - 1)]
    done, total = 0, sum(map(len, rows_of_views))
    for view, rows in enumerate(rows_of_views):
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            examples = preprocessing.make_view(train.features[chunk], view)
            stored[view, chunk] = predict_logits(examples)
            done += len(chunk)
            report_fraction(done / total)
    report_fraction(1.0)
    return TeacherLogits(stored)


def placeholder(train: Split, views: int, classes: int) -> TeacherLogits:
    """Zeros, for a teacher that is trained too: its current logits are the targets then."""
    return TeacherLogits(np.broadcast_to(np.float32(0.0), (views, len(train), classes)))
