"""Scores each file on test examples that no training step saw; measured on the file itself."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.compression.artifacts import file_costs
from workers.compression.artifacts.accuracy import accuracies, credits, per_class, top_k
from workers.compression.artifacts.interpreter import Scale, measure_latencies, predict
from workers.compression.artifacts.intervals import paired_difference, wilson
from workers.compression.student_values import Artifact, Latency, Scorecard
from workers.compression.values import Dataset, PreparedTeacher, Teacher

MAX_MACS = 2 * 10**12
"""The most MACs spent on the scores of one file: some minutes on one core."""


@dataclass(frozen=True)
class TestedFile:
    """A file, and the data at the size of its input."""

    artifact: Artifact
    data: Dataset


def evaluate_all(
    tests: Sequence[TestedFile],
    teacher: PreparedTeacher,
    data: Dataset,
    scale: Scale,
    latency_runs: int,
    report_fraction: Callable[[float], None],
) -> tuple[list[Scorecard], Scorecard]:
    """The scorecard of each file, and the teacher's.

    ``data`` has the teacher's input size. ``scale`` turns a stored example into the input of a
    float32 file.
    """
    paths = [test.artifact.path for test in tests]
    if teacher.loaded.tflite:
        paths.append(teacher.loaded.tflite)
    latencies = measure_latencies(paths, latency_runs)
    logits = teacher.predict_logits(data.test.features)
    cards = []
    for test, latency in zip(tests, latencies, strict=False):
        cards.append(evaluate(test.artifact.path, test.data, logits, scale, latency))
        report_fraction(len(cards) / len(tests))
    teacher_latency = None
    if teacher.loaded.tflite:
        teacher_latency = latencies[-1]
    return cards, evaluate_teacher(teacher.loaded, logits, data, teacher_latency)


def evaluate(
    path: Path, data: Dataset, teacher_logits: np.ndarray, scale: Scale, latency: Latency
) -> Scorecard:
    """The scorecard of one file; ``teacher_logits`` (N, classes) are those for ``data.test``.

    A file that is too slow for all test examples is scored on some of them, evenly spaced.
    """
    count = affordable_examples(path, len(data.test))
    rows = np.linspace(0, len(data.test) - 1, count).astype(int)
    scores = predict(path, (data.test.features[row] for row in rows), scale)
    labels, classes = data.test.labels[rows], scores.argmax(1)
    correct, teacher_correct = (credits(each, labels, 1) for each in (scores, teacher_logits[rows]))
    return Scorecard(
        images=len(rows),
        **accuracies(scores, labels),
        agreement=float((classes == teacher_logits[rows].argmax(1)).mean()),
        top1_interval=wilson(float(correct.mean()), len(rows)),
        top1_difference=paired_difference(correct, teacher_correct),
        per_class=per_class(classes == labels, labels, data.classes),
        bytes=path.stat().st_size,
        gzip_bytes=_gzip_bytes(path),
        macs=file_costs.count_macs(path),
        peak_tensor_bytes=file_costs.peak_tensor_bytes(path),
        latency_ms=latency,
    )


def evaluate_teacher(
    teacher: Teacher, logits: np.ndarray, data: Dataset, latency: Latency | None
) -> Scorecard:
    """The teacher's scorecard: accuracies from its logits, the rest from its float32 .tflite.

    Without a .tflite, bytes are those of the upload, and MACs, memory and latency are None.
    """
    labels = data.test.labels
    size = gzip_size = teacher.bytes
    macs = memory = None
    if teacher.tflite:
        size, gzip_size = teacher.tflite.stat().st_size, _gzip_bytes(teacher.tflite)
        macs = file_costs.count_macs(teacher.tflite)
        memory = file_costs.peak_tensor_bytes(teacher.tflite)
    return Scorecard(
        images=len(data.test),
        **accuracies(logits, labels),
        agreement=1.0,
        top1_interval=wilson(top_k(logits, labels, 1), len(labels)),
        top1_difference=None,
        per_class=per_class(logits.argmax(1) == labels, labels, data.classes),
        bytes=size,
        gzip_bytes=gzip_size,
        macs=macs,
        peak_tensor_bytes=memory,
        latency_ms=latency,
    )


def affordable_examples(path: Path, examples: int) -> int:
    """On how many of ``examples`` a file is scored, so that it takes at most MAX_MACS."""
    return max(1, min(examples, MAX_MACS // max(1, file_costs.count_macs(path))))


def _gzip_bytes(path: Path) -> int:
    # App bundles are compressed, so this is what the file adds to one.
    return len(gzip.compress(path.read_bytes(), mtime=0))
