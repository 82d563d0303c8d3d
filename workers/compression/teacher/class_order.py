"""Whether the teacher's outputs are in the order of the classes, and in which order otherwise."""

import re
from collections.abc import Sequence

import numpy as np

from workers.compression.errors import CompressionError, listed

MIN_GAIN = 0.1
"""By how much another order must be more accurate before it is suggested."""
MIN_SUPPORT = 3
"""Images. With one image per class, every error of a good teacher would suggest another order."""
MIN_ACCURACY = 0.5
DIGITS = re.compile(r"(\d+)")


def check_output_count(outputs: int, classes: int) -> None:
    """Refuse a teacher whose outputs are not one per class.

    Raises:
        CompressionError: output_width_mismatch.
    """
    if outputs == classes or (outputs == 1 and classes == 2):
        return
    message = f"The teacher has {outputs} outputs, but the data has {classes} classes."
    hint = "Give one class folder per output of the teacher."
    if outputs == classes + 1:
        hint += (
            " If the additional output is a background class, add a folder for it, or remove the"
            " output from the teacher."
        )
    raise CompressionError("output_width_mismatch", message, hint)


def usual_orders(classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Orders in which programs sort names of classes, without the given one.

    As text like Keras (1, 10, 2), by the numbers in them (1, 2, 10), and without regard to case.
    """
    orders = [sorted(classes), sorted(classes, key=_natural), sorted(classes, key=str.casefold)]
    return [order for order in dict.fromkeys(map(tuple, orders)) if order != tuple(classes)]


def _natural(name: str) -> list[tuple[int, str]]:
    parts = DIGITS.split(name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def check_order(
    logits: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], accuracy: float
) -> None:
    """Refuse classes whose order is not that of the outputs.

    ``accuracy`` is the teacher's top-1 with the given order.

    Raises:
        CompressionError: class_order_mismatch, with the likely order.
    """
    order, reordered_accuracy = likely_order(logits, labels, classes)
    if reordered_accuracy < max(MIN_ACCURACY, accuracy + MIN_GAIN):
        return
    message = (
        f"The teacher classifies {accuracy:.1%} of the images correctly. With another order of the"
        f" classes it would be {reordered_accuracy:.1%}."
    )
    names = listed(order)
    hint = f"Set class_names to the order of the teacher's outputs, which is likely: {names}."
    raise CompressionError("class_order_mismatch", message, hint)


def likely_order(
    logits: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> tuple[list[str], float]:
    """The class of each output that fits the labels best, and the accuracy in that order.

    Pairs of output and label are assigned greedily, the most frequent first.
    """
    class_of_output, correct = _assign(logits.argmax(1), labels)
    _fill_up(class_of_output, len(classes))
    names = [classes[class_of_output[output]] for output in range(len(classes))]
    return names, correct / len(labels)


def _assign(outputs: np.ndarray, labels: np.ndarray) -> tuple[dict[int, int], int]:
    """The label assigned to each output, and how many images that makes correct."""
    pairs, counts = np.unique(np.stack([outputs, labels]), axis=1, return_counts=True)
    reassigned = pairs[0] != pairs[1]
    assigned: dict[int, int] = {}
    correct = 0
    for place in np.lexsort((reassigned, -counts)):
        output, label = int(pairs[0, place]), int(pairs[1, place])
        is_free = output not in assigned and label not in assigned.values()
        # An output is reassigned only if at least three images support it.
        if is_free and (counts[place] >= MIN_SUPPORT or not reassigned[place]):
            assigned[output] = label
            correct += int(counts[place])
    return assigned, correct


def _fill_up(assigned: dict[int, int], classes: int) -> None:
    """Give the remaining outputs the remaining labels, each its own label where that is free."""
    free = set(range(classes)) - set(assigned.values())
    outputs = set(range(classes)) - set(assigned)
    for output in sorted(outputs & free):
        assigned[output] = output
        free.remove(output)
    for output in sorted(outputs - set(assigned)):
        assigned[output] = min(free)
        free.remove(assigned[output])
