"""Finds how the teacher's pixels are scaled and what its outputs are, on labelled images."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.images.scalings import (
    Scaling,
    mean_and_std,
    scaling_of,
    scalings,
    student_to_teacher,
)
from workers.compression.teacher.class_order import check_order, check_output_count
from workers.compression.teacher.outputs import (
    accuracy,
    as_logits,
    balanced_accuracy,
    cross_entropy,
    output_kind,
)
from workers.compression.values import (
    Dataset,
    InputContract,
    PreparedTeacher,
    Spec,
    Split,
    Teacher,
)

SAME_ACCURACY = 0.005
MIN_MARGIN = 0.1
"""Of the way from chance to certainty, for a teacher that may teach."""
CHUNK = 128


def prepare_teacher(teacher: Teacher, data: Dataset, spec: Spec) -> PreparedTeacher:
    """Find the teacher's scaling on the training images, and make it take any uint8 images.

    Raises:
        CompressionError: what ``find`` raises.
    """
    contract = find(teacher, data.train, data.classes, spec)
    predict_logits = partial(teacher_logits, teacher, contract)
    input_map = student_to_teacher(contract, teacher.input_shape[2])
    return PreparedTeacher(teacher, contract, predict_logits, input_map)


def find(teacher: Teacher, train: Split, classes: tuple[str, ...], spec: Spec) -> InputContract:
    """Try every scaling on a sample of the training images, and choose the best.

    That is the one with the lowest cross-entropy among those within half a point of the highest
    accuracy: ReLU networks classify images of another scale almost as well, but their confidence is
    wrong. What ``spec`` states is not doubted, but still measured.

    Raises:
        CompressionError: output_width_mismatch, teacher_not_finite, class_order_mismatch,
            teacher_near_chance, or unsupported_input where the teacher accepts no scaling.
    """
    check_output_count(teacher.outputs, len(classes))
    sample = train.sample(train.sample_size)
    mean, std = mean_and_std(sample.features)
    candidates = _candidates(scalings(mean, std, teacher.input_shape[2]), spec["input_scaling"])
    outputs = _finite_outputs(teacher, candidates, sample.features)
    kinds: dict[str, str] = {}
    logits: dict[str, np.ndarray] = {}
    accuracies: dict[str, float] = {}
    for name, values in outputs.items():
        kinds[name] = spec["teacher_output"] or output_kind(values)
        logits[name] = as_logits(values, kinds[name])
        accuracies[name] = accuracy(logits[name], sample.labels)
    best = _best(logits, sample.labels, accuracies)
    check_order(logits[best], sample.labels, classes, accuracies[best])
    _check_better_than_chance(accuracies, logits[best], sample.labels, len(classes))
    return InputContract(
        scaling=best,
        output=kinds[best],
        accuracies=accuracies,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        stated=spec["input_scaling"] is not None,
    )


def teacher_logits(teacher: Teacher, contract: InputContract, images: np.ndarray) -> np.ndarray:
    """The teacher's logits, float32 (N, classes), for uint8 images of its own size."""
    scaling = scaling_of(contract, teacher.input_shape[2])
    return as_logits(_outputs(teacher, scaling, images), contract.output)


def _candidates(known: dict[str, Scaling], stated: str | None) -> dict[str, Scaling]:
    if stated is None:
        return known
    if stated not in known:
        message = f"The scaling {stated!r} is for colour images, but the teacher's are grey."
        hint = f"Choose one of {', '.join(known)}."
        raise CompressionError("unsupported_input", message, hint)
    return {stated: known[stated]}


def _finite_outputs(
    teacher: Teacher, candidates: Mapping[str, Scaling], images: np.ndarray
) -> dict[str, np.ndarray]:
    """The teacher's outputs under each scaling that it accepts and answers with numbers."""
    outputs: dict[str, np.ndarray] = {}
    refusals = []
    for name, scaling in candidates.items():
        try:
            outputs[name] = _outputs(teacher, scaling, images)
        except CompressionError as error:
            # A graph may check the range of its input.
            refusals.append(error)
    if not outputs:
        raise refusals[0]
    finite = {name: values for name, values in outputs.items() if np.isfinite(values).all()}
    if not finite:
        message = "The teacher's outputs are not finite with any scaling."
        hint = "Check the model's weights; students cannot learn from such outputs."
        raise CompressionError("teacher_not_finite", message, hint)
    return finite


def _outputs(teacher: Teacher, scaling: Scaling, images: np.ndarray) -> np.ndarray:
    outputs = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK].astype(np.float32)
        outputs.append(teacher.predict(scaling(chunk)))
    return np.concatenate(outputs)


def _best(
    logits: Mapping[str, np.ndarray], labels: np.ndarray, accuracies: Mapping[str, float]
) -> str:
    lowest = max(accuracies.values()) - SAME_ACCURACY
    equal = [name for name in logits if accuracies[name] >= lowest]
    return min(equal, key=lambda name: cross_entropy(logits[name], labels))


def _check_better_than_chance(
    accuracies: Mapping[str, float], logits: np.ndarray, labels: np.ndarray, classes: int
) -> None:
    chance = 1 / classes
    if balanced_accuracy(logits, labels) >= chance + MIN_MARGIN * (1 - chance):
        return
    tried = ", ".join(f"{name} {value:.1%}" for name, value in accuracies.items())
    message = f"The teacher is hardly better than chance ({chance:.1%}) with each scaling: {tried}."
    hint = (
        "No other order of the classes is better. Check that the data is what the teacher was"
        " trained on, and how its images were scaled."
    )
    if len(np.unique(logits.argmax(1))) <= max(1, classes // 5):
        hint = (
            "It gives almost every image the same class, so its scaling is probably another one:"
            " set input_scaling, or make the scaling a part of the model."
        )
    raise CompressionError("teacher_near_chance", message, hint)
