"""A teacher's raw outputs as logits, whatever kind they are."""

import numpy as np

MIN_PROBABILITY = 1e-7
RANGE_TOLERANCE, SUM_TOLERANCE = 1e-4, 1e-2


def output_kind(outputs: np.ndarray) -> str:
    """``softmax`` if all rows (N, outputs) add up to 1, ``sigmoid`` if in 0..1, else ``logits``."""
    in_range = outputs.min() >= -RANGE_TOLERANCE and outputs.max() <= 1 + RANGE_TOLERANCE
    if not in_range:
        return "logits"
    adds_up = np.allclose(outputs.sum(1), 1.0, atol=SUM_TOLERANCE)
    if outputs.shape[1] > 1 and adds_up:
        return "softmax"
    return "sigmoid"


def as_logits(outputs: np.ndarray, kind: str) -> np.ndarray:
    """Outputs (N, outputs) as float32 logits (N, classes).

    A single output is the score of the second of two classes; the first class gets the logit 0.
    """
    logits = outputs
    if kind == "softmax":
        logits = np.log(np.clip(outputs, MIN_PROBABILITY, None))
    if kind == "sigmoid":
        clipped = np.clip(outputs, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        logits = np.log(clipped) - np.log1p(-clipped)
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return logits.astype(np.float32)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Top-1 in 0..1."""
    return float((logits.argmax(1) == labels).mean())


def balanced_accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of each class's accuracy: of a constant answer it is 1 / classes."""
    correct = logits.argmax(1) == labels
    return float(np.mean([correct[labels == label].mean() for label in np.unique(labels)]))


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of each example, (N,)."""
    shifted = logits - logits.max(1, keepdims=True)
    of_label = shifted[np.arange(len(labels)), labels]
    return np.asarray(np.log(np.exp(shifted).sum(1)) - of_label)
