"""95 % intervals of accuracies, which are measured on a limited number of examples."""

import math

import numpy as np

from workers.compression.student_values import Difference, Interval

Z = 1.959964
"""Of the normal distribution, for 95 %."""


def wilson(share: float, count: int) -> Interval:
    """Of a ``share`` that was measured on ``count`` examples (Wilson 1927)."""
    middle = share + Z**2 / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    low, high = (middle - half) / (1 + Z**2 / count), (middle + half) / (1 + Z**2 / count)
    # The share lies between them, but rounding can put an end of 0 or 1 on its other side.
    return Interval(min(share, max(0.0, low)), max(share, min(1.0, high)))


def paired_difference(ours: np.ndarray, others: np.ndarray) -> Difference:
    """The mean of ours - others.

    Both are 1.0 where an example is classified correctly, (N,), of the same examples: that tells
    more than two intervals do (Agresti & Min 2005, section 2).
    """
    differences = ours - others
    count = len(differences) + 2
    total = float(differences.sum())
    spread = float(np.square(differences).sum()) + 1 - total**2 / count
    middle, half = total / count, Z * math.sqrt(spread) / count
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Difference(low, high, float(differences.mean()))
