"""Finds how the teacher's pixels are scaled and what its outputs are, on labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from workers.compression.errors import CompressionError, listed
from workers.compression.images.reading import ReportFraction, report_no_fraction
from workers.compression.images.scaling_search import (
    Answers,
    Trial,
    best,
    count_inferences,
    is_clearly_more,
    outputs,
    relabelled,
    rounds,
    search,
)
from workers.compression.images.scalings import (
    Scaling,
    mean_and_std,
    scaling_of,
    scalings,
    student_to_teacher,
)
from workers.compression.teacher.class_order import check_order, check_output_count, usual_orders
from workers.compression.teacher.outputs import as_logits, balanced_accuracy
from workers.compression.teacher.signature import any_size_hint
from workers.compression.values import (
    Dataset,
    InputContract,
    KnownLogits,
    PreparedTeacher,
    Spec,
    Split,
    Teacher,
)

SEARCH_IMAGES, SEARCH_SHARE = 400, 0.1
"""Training images for the best scalings: 400 and a tenth of all, but not more than a sample."""
MIN_MARGIN = 0.1
"""Of the way from chance to certainty, for a teacher that may teach."""
GOOD_MARGIN = 0.5
"""Below it, the teacher may have been trained on other input."""
CLOSE_ACCURACY, CLOSE_CROSS_ENTROPY, SAME_ANSWERS = 0.02, 1.5, 0.99
"""Of two scalings between which the images hardly decide, though the answers differ."""
STATE_IT = "If its images were scaled in another way, state that with input_scaling."


@dataclass(frozen=True)
class Ordered:
    """Trials with the labels (N,) that follow from one order of the classes."""

    classes: tuple[str, ...]
    labels: np.ndarray
    trials: list[Trial]


@dataclass(frozen=True)
class Found:
    """A teacher's contract; its logits of the images of the search; seconds for one image."""

    contract: InputContract
    known: KnownLogits
    seconds: float


def prepare_teacher(
    teacher: Teacher,
    data: Dataset,
    spec: Spec,
    report_fraction: ReportFraction = report_no_fraction,
) -> PreparedTeacher:
    """Find the teacher's scaling on the training images, and make it take any uint8 images.

    Raises:
        CompressionError: what ``find`` raises.
    """
    found = find(teacher, data.train, data.classes, spec, report_fraction)
    predict_logits = partial(teacher_logits, teacher, found.contract)
    input_map = student_to_teacher(found.contract, teacher.input_shape[2])
    return PreparedTeacher(
        teacher, found.contract, found.seconds, predict_logits, input_map, found.known
    )


def find(
    teacher: Teacher,
    train: Split,
    classes: tuple[str, ...],
    spec: Spec,
    report_fraction: ReportFraction = report_no_fraction,
) -> Found:
    """Try every scaling on a sample of the training images, and choose the best.

    What ``spec`` states is not doubted, but still measured.

    Raises:
        CompressionError: output_width_mismatch, teacher_not_finite, class_order_mismatch,
            teacher_near_chance, or unsupported_input where the teacher accepts no scaling.
    """
    check_output_count(teacher.outputs, len(classes))
    try:
        return _find(teacher, train, classes, spec, report_fraction)
    except CompressionError as error:
        if not teacher.description.get("size_assumed"):
            raise
        hint = error.hint + any_size_hint((None, *teacher.input_shape))
        raise CompressionError(error.code, error.message, hint) from error


def _find(
    teacher: Teacher,
    train: Split,
    classes: tuple[str, ...],
    spec: Spec,
    report_fraction: ReportFraction,
) -> Found:
    mean, std = mean_and_std(train.sample(train.sample_size).features)
    candidates = candidates_of(scalings(mean, std, teacher.input_shape[2]), spec["input_scaling"])
    rows = _search_rows(train)
    planned = rounds(len(candidates), len(classes), len(rows))
    inferences = count_inferences(planned)
    answers = Answers(
        teacher, train.features[rows], lambda count: report_fraction(count / inferences)
    )
    trials, accuracies = search(
        answers, candidates, train.labels[rows], planned, spec["teacher_output"]
    )
    ordered = Ordered(classes, train.labels[rows], trials)
    if spec["class_names"] is None:
        ordered = _best_order(ordered)
    trials, labels = ordered.trials, ordered.labels
    accuracies |= {trial.scaling: trial.accuracy for trial in trials}
    chosen = best(trials)
    in_some_order = max(trials, key=lambda trial: trial.any_order)
    check_order(in_some_order.logits, labels, ordered.classes, chosen.accuracy)
    _check_better_than_chance(trials, chosen, labels, len(classes))
    contract = InputContract(
        scaling=chosen.scaling,
        output=chosen.output,
        classes=ordered.classes,
        accuracies=accuracies,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        stated=spec["input_scaling"] is not None,
        warnings=(
            *_order_warning(ordered.classes, classes),
            *_warnings(trials, chosen, len(classes)),
        ),
    )
    return Found(contract, KnownLogits(rows, chosen.logits), float(np.median(answers.seconds)))


def _search_rows(train: Split) -> np.ndarray:
    """Rows of a sample, in a random order, so that the first of them are a sample too."""
    count = min(train.sample_size, SEARCH_IMAGES + int(SEARCH_SHARE * len(train)))
    return np.random.default_rng(0).permutation(train.sample_rows(count))


def _best_order(given: Ordered) -> Ordered:
    """The usual order of the classes in which the teacher is clearly better, or the given one."""
    found = given
    for order in usual_orders(given.classes):
        label_of = np.array([order.index(name) for name in given.classes])
        labels = label_of[given.labels]
        trials = [relabelled(trial, labels) for trial in given.trials]
        if is_clearly_more(best(trials).correct, best(found.trials).correct):
            found = Ordered(order, labels, trials)
    return found


def _order_warning(order: tuple[str, ...], given: tuple[str, ...]) -> Iterator[str]:
    if order != given:
        yield (
            "The teacher's outputs are not in the order of the class folders. The order taken is:"
            f" {listed(order)}. State another one with class_names."
        )


def teacher_logits(teacher: Teacher, contract: InputContract, images: np.ndarray) -> np.ndarray:
    """The teacher's logits, float32 (N, classes), for uint8 images of its own size."""
    scaling = scaling_of(contract, teacher.input_shape[2])
    return as_logits(outputs(teacher, scaling, images), contract.output)


def candidates_of(known: dict[str, Scaling], stated: str | None) -> dict[str, Scaling]:
    """The scalings to try: all, or the one that the spec states.

    Raises:
        CompressionError: unsupported_input where that is not for the teacher's images.
    """
    if stated is None:
        return known
    if stated not in known:
        message = f"The scaling {stated!r} is for colour images, but the teacher's are grey."
        hint = f"Choose one of {', '.join(known)}."
        raise CompressionError("unsupported_input", message, hint)
    return {stated: known[stated]}


def _warnings(trials: Sequence[Trial], chosen: Trial, classes: int) -> Iterator[str]:
    """Where another scaling is as likely, or the best is poor."""
    others = sorted((each for each in trials if each is not chosen), key=_rank)
    close = [each for each in others if _is_close(chosen, each)]
    if _margin(chosen.accuracy, classes) < GOOD_MARGIN:
        tried = _accuracies([chosen, *others][:2])
        yield (
            "The teacher classifies few training images correctly, also with the best input scaling"
            f" found: {tried}. {STATE_IT}"
        )
    elif close:
        tried = _accuracies([chosen, close[0]])
        yield (
            "Two input scalings suit the teacher about equally well, by its accuracy on training"
            f" images: {tried}. {chosen.scaling} was taken. {STATE_IT}"
        )


def _accuracies(trials: Sequence[Trial]) -> str:
    return ", ".join(f"{each.scaling} {each.accuracy:.1%}" for each in trials)


def _rank(trial: Trial) -> tuple[float, float]:
    return -trial.accuracy, trial.cross_entropy


def _is_close(chosen: Trial, other: Trial) -> bool:
    if chosen.accuracy - other.accuracy > CLOSE_ACCURACY:
        return False
    if other.cross_entropy > CLOSE_CROSS_ENTROPY * chosen.cross_entropy:
        return False
    same_answers = np.mean(chosen.logits.argmax(1) == other.logits.argmax(1))
    return bool(same_answers < SAME_ANSWERS)


def _margin(accuracy: float, classes: int) -> float:
    """How far an accuracy is on the way from chance (0) to certainty (1)."""
    chance = 1 / classes
    return (accuracy - chance) / (1 - chance)


def _check_better_than_chance(
    trials: Sequence[Trial], chosen: Trial, labels: np.ndarray, classes: int
) -> None:
    reached = balanced_accuracy(chosen.logits, labels)
    if _margin(reached, classes) >= MIN_MARGIN:
        return
    tried = _accuracies(sorted(trials, key=_rank))
    message = (
        f"The teacher is hardly better than chance: averaged over the {classes} classes it"
        f" classifies {reached:.1%} of {len(labels):,} training images correctly, by chance it"
        f" would be {1 / classes:.1%}. Input scalings tried, the best of them: {tried}."
    )
    hint = (
        "No other order of the classes is better. Check that the data is what the teacher was"
        " trained on, and how its images were scaled."
    )
    if len(np.unique(chosen.logits.argmax(1))) <= max(1, classes // 5):
        hint = (
            "It gives almost every image the same class, so its scaling is probably another one:"
            " set input_scaling, or make the scaling a part of the model."
        )
    raise CompressionError("teacher_near_chance", message, hint)
