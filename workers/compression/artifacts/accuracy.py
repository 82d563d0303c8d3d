"""Accuracies of scores, whatever gave them."""

import numpy as np

MAX_CLASSES_LISTED = 1_000
"""With more classes, the accuracy per class is left out of the report."""


def credits(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """For each row of ``scores`` (N, classes), 1.0 where the label is among the k highest, (N,).

    Quantized scores are often equal. If several classes share the last place, the label counts with
    the probability that it gets a place.
    """
    of_label = scores[np.arange(len(labels)), labels][:, None]
    higher, equal = (scores > of_label).sum(1), (scores == of_label).sum(1)
    return np.asarray(np.clip((k - higher) / equal, 0, 1))


def top_k(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The mean of ``credits``, in 0..1."""
    return float(credits(scores, labels, k).mean())


def accuracies(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Top-1, top-3 and top-5."""
    return {f"top{k}": top_k(scores, labels, k) for k in (1, 3, 5)}


def per_class(
    correct: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> dict[str, float]:
    """Top-1 of each class that has test examples; empty for more than 1,000 classes."""
    found: dict[str, float] = {}
    if len(classes) > MAX_CLASSES_LISTED:
        return found
    for label, name in enumerate(classes):
        rows = labels == label
        if rows.any():
            found[name] = float(correct[rows].mean())
    return found
