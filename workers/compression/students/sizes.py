"""The sizes of students in each family, and the choice of sizes by their number of weights."""

import math
from collections.abc import Sequence
from dataclasses import replace

from workers.compression.student_values import StudentPlan
from workers.compression.students.costs import count_costs

Size = tuple[int, int]
"""Width and depth, see StudentPlan."""


def _widths(first: int, last: int, depth: int, step: int = 1) -> list[Size]:
    return [(width, depth) for width in range(first, last + 1, step)]


def _depths(width: int, first: int, last: int) -> list[Size]:
    return [(width, depth) for depth in range(first, last + 1)]


SIZES: dict[str, list[Size]] = {
    "resnet": _widths(2, 16, depth=2) + _depths(16, 3, 9) + _widths(18, 64, depth=9, step=2),
    "nasnet": _widths(2, 16, depth=3) + _depths(16, 4, 6) + _widths(18, 96, depth=6, step=2),
    "mobilenet": _widths(2, 8, depth=3) + _depths(8, 4, 12) + _widths(9, 48, depth=12),
    "pruned": _widths(4, 100, depth=1),
}
"""All students of a family, from small to large."""

SIZE_NAMES = ("large", "medium", "small")
SIZE_SHARES = (1.0, 0.32, 0.075)
"""Of the parameters of the largest student."""


def all_sizes(template: StudentPlan) -> list[StudentPlan]:
    """Every student of the template's family, from small to large."""
    sizes = SIZES[template.family]
    return [replace(template, width=width, depth=depth) for width, depth in sizes]


def spread(
    sizes: Sequence[StudentPlan], parameters: float, names: Sequence[str]
) -> list[StudentPlan]:
    """Three of ``sizes`` with about ``parameters`` weights, a third and a thirteenth of them.

    There are fewer where the first one is among the smallest.
    """
    counts = [count_costs(size).parameters for size in sizes]
    found: list[StudentPlan] = []
    end = len(sizes)
    for name, share in zip(names, SIZE_SHARES, strict=True):
        if end == 0:
            break
        # Only smaller students than the last one.
        end = _nearest(counts[:end], parameters * share)
        found.append(replace(sizes[end], name=name))
    return found


def _nearest(counts: Sequence[int], wanted: float) -> int:
    """The index of the count with the smallest ratio to ``wanted``."""
    return min(range(len(counts)), key=lambda i: abs(math.log(counts[i] / wanted)))
