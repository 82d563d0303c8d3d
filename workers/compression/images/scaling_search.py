"""Tries input scalings on labelled images, and ranks them by what the teacher answers."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
from workers.compression.values import Teacher

FIRST_IMAGES, MOST_FIRST_IMAGES, IMAGES_PER_CLASS = 32, 200, 3
"""For every scaling: three per class, but at least 32 and at most 200."""
FINALISTS = 2
"""Scalings that are tried on all images."""
MIN_ERRORS = 3.0
"""Standard errors by which one scaling must be better than another to be preferred for it."""
CHUNK = 128

ReportCount = Callable[[int], None]
"""Told how many images the teacher has answered so far."""


def report_no_count(count: int) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True)
class Trial:
    """What the teacher answers under one scaling: logits (N, classes) for N labelled images.

    ``correct`` (N,) says which images are classified correctly, ``losses`` (N,) are their
    cross-entropies. ``any_order`` is the accuracy with the classes in the order that fits best,
    ``any_order_loss`` the mean cross-entropy.
    """

    scaling: str
    output: str
    logits: np.ndarray
    correct: np.ndarray
    losses: np.ndarray
    any_order: float
    any_order_loss: float

    @property
    def accuracy(self) -> float:
        """Top-1 in 0..1."""
        return float(self.correct.mean())

    @property
    def cross_entropy(self) -> float:
        """Mean over the images."""
        return float(self.losses.mean())


class Answers:
    """The teacher's raw outputs for ``features`` under each scaling; none is computed twice."""

    def __init__(
        self, teacher: Teacher, features: np.ndarray, report_count: ReportCount = report_no_count
    ):
        self._teacher, self._features, self._report_count = teacher, features, report_count
        self._known: dict[str, list[np.ndarray]] = defaultdict(list)
        self.computed = 0
        self.seconds: list[float] = []
        """Of each chunk, those that one image took."""

    def __call__(self, name: str, scaling: Scaling, count: int) -> np.ndarray:
        """The outputs (count, outputs) for the first ``count`` images."""
        known = self._known[name]
        for start in range(sum(map(len, known)), count, CHUNK):
            chunk = self._features[start : min(start + CHUNK, count)]
            began = time.perf_counter()
            known.append(outputs(self._teacher, scaling, chunk))
            self.seconds.append((time.perf_counter() - began) / len(chunk))
            self.computed += len(chunk)
            self._report_count(self.computed)
        return np.concatenate(known)


def rounds(candidates: int, classes: int, images: int) -> list[tuple[int, int]]:
    """(scalings, images) of each round: half of the scalings, then twice as many images."""
    found = []
    count = min(max(FIRST_IMAGES, IMAGES_PER_CLASS * classes), MOST_FIRST_IMAGES)
    while candidates > FINALISTS and count < images:
        found.append((candidates, count))
        candidates, count = max(FINALISTS, candidates // 2), min(2 * count, images)
    return [*found, (candidates, images)]


def count_inferences(planned: Sequence[tuple[int, int]]) -> int:
    """The images that the teacher answers in these rounds."""
    total, before = 0, 0
    for scalings, images in planned:
        total += scalings * (images - before)
        before = images
    return total


def search(
    answers: Answers,
    candidates: Mapping[str, Scaling],
    labels: np.ndarray,
    planned: Sequence[tuple[int, int]],
    output: str | None,
) -> tuple[list[Trial], dict[str, float]]:
    """Trials of the best scalings on all ``labels`` (N,), whose images are in a random order.

    By successive halving (Jamieson & Talwalkar 2016, section 3). Also returns the top-1 of every
    scaling on the images that it was tried on.

    Raises:
        CompressionError: what ``try_each`` raises.
    """
    remaining = dict(candidates)
    accuracies: dict[str, float] = {}
    trials: list[Trial] = []
    for scalings, images in planned:
        if trials:
            kept = finalists(trials, scalings)
            remaining = {name: remaining[name] for name in remaining if name in kept}
        trials = try_each(answers, remaining, labels[:images], output)
        accuracies |= {trial.scaling: trial.accuracy for trial in trials}
    return trials, accuracies


def try_each(
    answers: Answers, candidates: Mapping[str, Scaling], labels: np.ndarray, output: str | None
) -> list[Trial]:
    """A trial on the first images of each scaling that the teacher answers with numbers.

    ``output`` is the kind of its outputs; it is found for each scaling where that is None.

    Raises:
        CompressionError: teacher_not_finite, or unsupported_input where it accepts none.
    """
    trials = []
    refusals = []
    for name, scaling in candidates.items():
        try:
            values = answers(name, scaling, len(labels))
        except CompressionError as error:
            # A graph may check the range of its input.
            refusals.append(error)
            continue
        if np.isfinite(values).all():
            trials.append(_trial(name, output or output_kind(values), values, labels))
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
    order, any_order = likely_order(logits, labels, tuple(map(str, range(logits.shape[1]))))
    of_classes = logits[:, np.argsort([int(name) for name in order])]
    return Trial(
        scaling=name,
        output=kind,
        logits=logits,
        correct=logits.argmax(1) == labels,
        losses=cross_entropies(logits, labels),
        any_order=any_order,
        any_order_loss=float(cross_entropies(of_classes, labels).mean()),
    )


def outputs(teacher: Teacher, scaling: Scaling, images: np.ndarray) -> np.ndarray:
    """The teacher's raw outputs (N, outputs) for uint8 images of its own size."""
    parts = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK].astype(np.float32)
        parts.append(teacher.predict(np.ascontiguousarray(scaling(chunk))))
    return np.concatenate(parts)


def finalists(trials: Sequence[Trial], count: int) -> set[str]:
    """The ``count`` most promising scalings, whatever the order of the classes is."""
    promising = sorted(trials, key=lambda trial: (-trial.any_order, trial.any_order_loss))
    names = [best(trials).scaling, *(trial.scaling for trial in promising)]
    return set(list(dict.fromkeys(names))[:count])


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
