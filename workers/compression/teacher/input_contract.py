"""How a teacher wants its images and what its outputs mean: tried on labelled images when the user
does not say.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workers.compression.errors import CompressionError
from workers.compression.values import INPUT_MEAN, INPUT_STD, InputContract, Split, Teacher

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
NEAR = 0.005
CHUNK = 128
LEAST_MARGIN = 0.1
LEAST_GAIN = 0.1
LEAST_MOVED = 3
SMALLEST_PROBABILITY = 1e-7

Scaling = Callable[[np.ndarray], np.ndarray]


def scalings(mean: np.ndarray, std: np.ndarray, channels: int) -> dict[str, Scaling]:
    """The usual ways from pixels 0..255, float32 (N, height, width, channels) in RGB order, to a
    network's input.
    """
    known: dict[str, Scaling] = {
        "raw": lambda x: x,
        "unit": lambda x: x / 255.0,
        "symmetric": lambda x: x / 127.5 - 1.0,
        "standardized": lambda x: (x - mean) / std,
    }
    if channels == 3:
        known["imagenet"] = lambda x: (
            (x - np.asarray(IMAGENET_MEAN, np.float32)) / np.asarray(IMAGENET_STD, np.float32)
        )
        known["caffe"] = lambda x: x[..., ::-1] - np.asarray(CAFFE_MEAN_BGR, np.float32)
    return known


def find(
    teacher: Teacher, sample: Split, classes: tuple[str, ...], spec: Mapping[str, Any]
) -> InputContract:
    """Try every scaling on labelled images (uint8) and take the best.

    Best is the lowest cross-entropy among those whose accuracy is within half a point of the
    highest: networks of ReLUs classify scaled inputs nearly as well, but with the wrong confidence.

    What ``spec`` states as input_scaling and teacher_output is believed, but still measured.

    Raises:
        CompressionError: output_width_mismatch, teacher_not_finite, class_order_mismatch with the
            likely order,
            teacher_near_chance with what is likely wrong, or unsupported_input where the teacher
            takes no scaling.
    """
    scaling, output = spec.get("input_scaling"), spec.get("teacher_output")
    _check_width(teacher.outputs, len(classes))
    sample = sample.spread(sample.few)
    mean, std = _statistics(sample.images)
    ways = scalings(mean, std, teacher.input_shape[2])
    if scaling is not None and scaling not in ways:
        raise CompressionError(
            "unsupported_input",
            f"Scaling {scaling!r} needs colour images.",
            f"State one of {', '.join(ways)}.",
        )
    raw = _tried(teacher, {scaling: ways[scaling]} if scaling else ways, sample.images)
    raw = {name: values for name, values in raw.items() if np.isfinite(values).all()}
    if not raw:
        hint = "Check the model's weights; as it is, it cannot teach."
        raise CompressionError(
            "teacher_not_finite", "The teacher's outputs are not finite with any scaling.", hint
        )
    kinds = {name: output or output_kind(values) for name, values in raw.items()}
    scores = {name: as_logits(values, kinds[name]) for name, values in raw.items()}
    accuracies = {name: accuracy(values, sample.labels) for name, values in scores.items()}
    near = [name for name in scores if accuracies[name] >= max(accuracies.values()) - NEAR]
    best = min(near, key=lambda name: _cross_entropy(scores[name], sample.labels))
    order = _likely_order(scores[best], sample.labels, classes)
    if order and order[1] >= accuracies[best] + LEAST_GAIN:
        raise _reordered(accuracies[best], *order)
    if _balanced(scores[best], sample.labels) < 1 / len(classes) + LEAST_MARGIN * (
        1 - 1 / len(classes)
    ):
        raise _near_chance(accuracies, scores[best], classes)
    return InputContract(
        best,
        kinds[best],
        accuracies,
        tuple(mean.tolist()),
        tuple(std.tolist()),
        scaling is not None,
    )


def logits(teacher: Teacher, contract: InputContract, images: np.ndarray) -> np.ndarray:
    """The teacher's logits, float32 (N, classes), for uint8 images at its own input size."""
    mean, std = (np.asarray(part, np.float32) for part in (contract.mean, contract.std))
    way = scalings(mean, std, teacher.input_shape[2])[contract.scaling]
    return as_logits(_outputs(teacher, way, images), contract.output)


def affine(contract: InputContract, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (channels, channels) and offset (channels,) from a student's scaled pixels to the
    teacher's: x @ m + b.
    """
    mean, std = (np.asarray(part, np.float32) for part in (contract.mean, contract.std))
    way = scalings(mean, std, channels)[contract.scaling]
    pixels = np.concatenate([np.zeros((1, channels)), np.eye(channels)]).astype(np.float32)
    offset, *steps = way(pixels[:, None, None, :])[:, 0, 0, :]
    matrix = np.stack(steps) - offset
    return matrix * INPUT_STD, offset + INPUT_MEAN * matrix.sum(0)


def output_kind(values: np.ndarray) -> str:
    """``softmax`` when rows are distributions, ``sigmoid`` when values are in 0..1, else
    ``logits``.
    """
    inside = bool((values >= -1e-4).all() and (values <= 1 + 1e-4).all())
    if inside and values.shape[1] > 1 and np.allclose(values.sum(1), 1.0, atol=1e-2):
        return "softmax"
    return "sigmoid" if inside else "logits"


def as_logits(values: np.ndarray, kind: str) -> np.ndarray:
    """Outputs of any kind as logits (N, classes); one sigmoid becomes two classes, the second its
    own.
    """
    clipped = np.clip(values, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    if kind == "softmax":
        values = np.log(np.clip(values, SMALLEST_PROBABILITY, None))
    if kind == "sigmoid":
        values = np.log(clipped) - np.log1p(-clipped)
    if values.shape[1] == 1:
        values = np.concatenate([np.zeros_like(values), values], axis=1)
    return values.astype(np.float32)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(1) == labels).mean())


def _balanced(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the accuracy within each: a constant answer is at chance however uneven
    the classes.
    """
    right = scores.argmax(1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _tried(
    teacher: Teacher, ways: Mapping[str, Scaling], images: np.ndarray
) -> dict[str, np.ndarray]:
    """The outputs under each scaling that the teacher takes: a graph may check its input's range."""
    taken: dict[str, np.ndarray] = {}
    refusals = []
    for name, way in ways.items():
        try:
            taken[name] = _outputs(teacher, way, images)
        except CompressionError as error:
            refusals.append(error)
    if not taken:
        raise refusals[0]
    return taken


def _outputs(teacher: Teacher, way: Scaling, images: np.ndarray) -> np.ndarray:
    parts = (
        images[start : start + CHUNK].astype(np.float32) for start in range(0, len(images), CHUNK)
    )
    return np.concatenate([teacher.predict(way(part)) for part in parts])


def _statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of uint8 images (N, height, width, channels)."""
    counts = [
        np.bincount(images[..., channel].ravel(), minlength=256)
        for channel in range(images.shape[-1])
    ]
    levels, weights = np.arange(256.0), np.array(counts) / counts[0].sum()
    mean = weights @ levels
    std = np.sqrt(weights @ levels**2 - mean**2) + 1e-6
    return mean.astype(np.float32), std.astype(np.float32)


def _cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    shifted = scores - scores.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean())


def _check_width(outputs: int, classes: int) -> None:
    if outputs == classes or (outputs == 1 and classes == 2):
        return
    hint = "Give one folder per output of the teacher."
    if outputs == classes + 1:
        hint += " One output more often is a background class: give it a folder, or remove it from the teacher."
    raise CompressionError(
        "output_width_mismatch",
        f"The teacher has {outputs} outputs, the data {classes} classes.",
        hint,
    )


def _reordered(accuracy: float, order: list[str], gain: float) -> CompressionError:
    names = ", ".join(order[:20]) + (", .." if len(order) > 20 else "")
    return CompressionError(
        "class_order_mismatch",
        f"The teacher is right on {accuracy:.1%} of the images. Another order of the classes explains its answers: "
        f"{gain:.1%} would be right.",
        f"State class_names in the teacher's order, likely: {names}.",
    )


def _near_chance(
    accuracies: dict[str, float], scores: np.ndarray, classes: tuple[str, ...]
) -> CompressionError:
    tried = ", ".join(f"{name} {value:.1%}" for name, value in accuracies.items())
    message = (
        f"The teacher is near chance ({1 / len(classes):.1%}) with every scaling tried: {tried}."
    )
    if len(np.unique(scores.argmax(1))) <= max(1, len(classes) // 5):
        hint = (
            "It answers nearly the same for every image, so the scaling is likely another: "
            "state input_scaling, or put it into the model."
        )
    else:
        hint = (
            "No order of the classes explains it: check that the data is what the teacher was trained on, "
            "and how its images were scaled."
        )
    return CompressionError("teacher_near_chance", message, hint)


def _likely_order(
    scores: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> tuple[list[str], float] | None:
    """The folder behind each output, where one permutation makes it right for half of the images or
    more.

    An output changes its place for three images or more: with one image per class, any error would
    be a reason.
    """
    pairs, counts = np.unique(np.stack([scores.argmax(1), labels]), axis=1, return_counts=True)
    order: dict[int, int] = {}
    hits = 0
    moved = pairs[0] != pairs[1]
    for place in np.lexsort((moved, -counts)):
        output, label = map(int, pairs[:, place])
        certain = counts[place] >= LEAST_MOVED or not moved[place]
        if certain and output not in order and label not in order.values():
            order[output] = label
            hits += int(counts[place])
    free = set(range(len(classes))) - set(order.values())
    silent = set(range(len(classes))) - set(order)
    for output in sorted(silent, key=lambda output: (output not in free, output)):
        order[output] = output if output in free else min(free)
        free.remove(order[output])
    share = hits / len(labels)
    return (
        ([classes[order[output]] for output in range(len(classes))], share)
        if share >= 0.5
        else None
    )
