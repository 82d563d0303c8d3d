"""Tries input scalings on labelled images, and ranks them by what the teacher answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.images.scalings import Scaling, is_usual
from workers.compression.teacher.class_order import likely_order
from workers.compression.teacher.outputs import (
    as_logits,
    cross_entropies,
    output_kind,
)
from workers.compression.values import Split, Teacher

FINALISTS = 4
MIN_ERRORS = 3.0
"""Standard errors by which one scaling must be better than another to be preferred for it."""
CHUNK = 128


@dataclass(frozen=True)
class Trial:
    """What the teacher answers under one scaling: logits (N, classes) for N labelled images.

    ``correct`` (N,) says which images are classified correctly, ``losses`` (N,) are their
    cross-entropies. ``any_order`` is the accuracy with the classes in the order that fits best.
    """

    scaling: str
    output: str
    logits: np.ndarray
    correct: np.ndarray
    losses: np.ndarray
    any_order: float

    @property
    def accuracy(self) -> float:
        """Top-1 in 0..1."""
        return float(self.correct.mean())

    @property
    def cross_entropy(self) -> float:
        """Mean over the images."""
        return float(self.losses.mean())


def try_each(
    teacher: Teacher, candidates: Mapping[str, Scaling], sample: Split, output: str | None
) -> list[Trial]:
    """A trial of each scaling that the teacher accepts and answers with numbers.

    ``output`` is the kind of its outputs; it is found for each scaling where that is None.

    Raises:
        CompressionError: teacher_not_finite, or unsupported_input where it accepts none.
    """
    trials = []
    refusals = []
    for name, scaling in candidates.items():
        try:
            values = outputs(teacher, scaling, sample.features)
        except CompressionError as error:
            # A graph may check the range of its input.
            refusals.append(error)
            continue
        if np.isfinite(values).all():
            trials.append(_trial(name, output or output_kind(values), values, sample.labels))
    if not trials and len(refusals) == len(candidates):
        raise refusals[0]
    if not trials:
        message = "The teacher's outputs are not finite with any scaling."
        hint = "Check the model's weights; students cannot learn from such outputs."
        raise CompressionError("teacher_not_finite", message, hint)
    return trials


def _trial(name: str, kind: str, values: np.ndarray, labels: np.ndarray) -> Trial:
    return _scored(name, kind, as_logits(values, kind), labels)


def _scored(name: str, kind: str, logits: np.ndarray, labels: np.ndarray) -> Trial:
    _, any_order = likely_order(logits, labels, tuple(map(str, range(logits.shape[1]))))
    return Trial(
        scaling=name,
        output=kind,
        logits=logits,
        correct=logits.argmax(1) == labels,
        losses=cross_entropies(logits, labels),
        any_order=any_order,
    )


def outputs(teacher: Teacher, scaling: Scaling, images: np.ndarray) -> np.ndarray:
    """The teacher's raw outputs (N, outputs) for uint8 images of its own size."""
    parts = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK].astype(np.float32)
        parts.append(teacher.predict(np.ascontiguousarray(scaling(chunk))))
    return np.concatenate(parts)


def finalists(trials: Sequence[Trial]) -> set[str]:
    """The most promising scalings, whatever the order of the classes is."""
    promising = sorted(trials, key=lambda trial: (-trial.any_order, trial.cross_entropy))
    return {best(trials).scaling, *(trial.scaling for trial in promising[:FINALISTS])}


def relabelled(trial: Trial, labels: np.ndarray) -> Trial:
    """The same answers, compared with other ``labels`` (N,)."""
    return _scored(trial.scaling, trial.output, trial.logits, labels)


def best(trials: Sequence[Trial]) -> Trial:
    """The trial with the lowest cross-entropy of those about as accurate as the most accurate.

    ReLU networks classify images of another scale almost as well, but their confidence is wrong. A
    scaling that is not usual must be clearly better than those that are.
    """
    top = max(trials, key=lambda trial: trial.accuracy)
    equal = [each for each in trials if not is_clearly_more(top.correct, each.correct)]
    lowest = min(equal, key=_cross_entropy)
    usual = [each for each in equal if is_usual(each.scaling)]
    if not usual:
        return lowest
    lowest_usual = min(usual, key=_cross_entropy)
    return lowest if is_clearly_more(lowest_usual.losses, lowest.losses) else lowest_usual


def _cross_entropy(trial: Trial) -> float:
    return trial.cross_entropy


def is_clearly_more(some: np.ndarray, others: np.ndarray) -> bool:
    """Whether ``some`` (N,) are more than ``others``, of the same images, beyond chance."""
    differences = some.astype(np.float64) - others
    standard_error = differences.std() / np.sqrt(len(differences))
    return bool(differences.mean() > MIN_ERRORS * standard_error)
