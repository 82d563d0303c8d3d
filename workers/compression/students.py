"""Which students are trained: the largest that keep the budgets asked for, or three spread over the useful range."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workers.compression import sizes
from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.values import Size, StudentPlan

LADDERS: dict[str, list[tuple[int, int]]] = {
    "resnet": [*((w, 2) for w in range(2, 17)), *((16, d) for d in range(3, 10)), *((w, 9) for w in range(18, 65, 2))],
    "nasnet": [*((w, 3) for w in range(2, 17)), *((16, d) for d in range(4, 7)), *((w, 6) for w in range(18, 97, 2))],
    "mobilenet": [*((w, 3) for w in range(2, 9)), *((8, d) for d in range(4, 13)), *((w, 12) for w in range(9, 49))],
    "teacher": [(percent, 1) for percent in range(4, 101)],
}
"""Widths and depths of each family, from small to large; in blocks, or in percent of the teacher's channels."""

SPREAD = {"large": 1.0, "medium": 0.32, "small": 0.075}
LATENCY_HEADROOM = 0.85
UNITS = {"max_bytes": "bytes", "max_macs": "MACs", "max_latency_ms": "ms"}

Measure = Callable[[StudentPlan, bool], Size]


def plan(
    recipe: Recipe, budgets: Sequence[Mapping[str, Any]] | None, classes: int, graph: Any, measure: Measure
) -> tuple[StudentPlan, ...]:
    """The students, largest first.

    ``budgets`` are the variants of a JobSpec, ``graph`` the teacher's (family ``teacher``), ``measure`` tells the size
    of a plan before it is trained, its latency only if asked. A variant that must reach a top-1 gets three candidates
    below the largest that keeps its other budgets; the pipeline picks one once they are trained.

    Raises:
        CompressionError: budget_unreachable, where not even the smallest student keeps a budget.
    """
    blank = StudentPlan("", "", recipe.family, 0, 0, recipe.input_shape, classes, graph=graph)
    if recipe.students:
        plans = [replace(blank, name=name, variant=name, width=w, depth=d) for name, w, d in recipe.students]
    elif budgets:
        plans = [each for budget in budgets for each in _within(blank, budget, measure)]
    else:
        plans = _spread(replace(blank, name="", variant=""), float(recipe.parameters), list(SPREAD))
        plans = [replace(each, variant=each.name) for each in plans]
    return tuple(sorted(plans, key=lambda each: (each.width, each.depth), reverse=True))


def _spread(blank: StudentPlan, parameters: float, names: Sequence[str]) -> list[StudentPlan]:
    """Distinct rungs with about ``parameters`` weights, and a third and a thirteenth of them."""
    rungs = [replace(blank, width=width, depth=depth) for width, depth in LADDERS[blank.family]]
    counts = [sizes.parameters(rung) for rung in rungs]
    found: list[StudentPlan] = []
    limit = len(rungs)
    for name, share in zip(names, SPREAD.values(), strict=True):
        wanted = parameters * share
        index = min(range(limit), key=lambda i: abs(math.log(counts[i] / wanted)), default=None)
        if index is None:
            break
        found.append(replace(rungs[index], name=name))
        limit = index
    return found


def _within(blank: StudentPlan, budget: Mapping[str, Any], measure: Measure) -> list[StudentPlan]:
    """The largest student that keeps the budget; with ``min_top1`` two smaller ones beside it."""
    name = budget["name"]
    blank = replace(blank, name=name, variant=name, budget=dict(budget))
    asked = {key: budget[key] for key in UNITS if budget.get(key) is not None}
    rungs = [replace(blank, width=width, depth=depth) for width, depth in LADDERS[blank.family]]
    count = bisect_right(
        rungs, False, key=lambda rung: bool(_exceeded(measure(rung, "max_latency_ms" in asked), asked))
    )
    if not count:
        raise _unreachable(name, asked, measure(rungs[0], "max_latency_ms" in asked))
    largest = rungs[count - 1]
    if budget.get("min_top1") is None:
        return [largest]
    return _spread(blank, float(sizes.parameters(largest)), [name, f"{name}-b", f"{name}-c"])


def _exceeded(size: Size, asked: Mapping[str, float]) -> list[str]:
    return [key for key, most in asked.items() if _figure(size, key) > most]


def _figure(size: Size, key: str) -> float:
    """What counts against the budget; latency with headroom, since it varies from run to run."""
    if key == "max_latency_ms":
        return (size.latency_ms or 0.0) / LATENCY_HEADROOM
    return size.bytes if key == "max_bytes" else size.macs


def _unreachable(name: str, asked: Mapping[str, float], least: Size) -> CompressionError:
    parts = [
        f"{key} {asked[key]:,}, the smallest student needs {_figure(least, key):,.6g} {UNITS[key]}" for key in asked
    ]
    key = _exceeded(least, asked)[0]
    return CompressionError(
        "budget_unreachable",
        f"No student keeps the budget of {name!r}: {'; '.join(parts)}.",
        f"Ask for {key} of at least {math.ceil(_figure(least, key) * 1000) / 1000:,g}, or another family.",
    )
