"""Which students are trained: the largest that keep the budgets asked for, or three spread over the
useful range.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.students import costs
from workers.compression.values import Size, StudentPlan

LADDERS: dict[str, list[tuple[int, int]]] = {
    "resnet": [
        *((w, 2) for w in range(2, 17)),
        *((16, d) for d in range(3, 10)),
        *((w, 9) for w in range(18, 65, 2)),
    ],
    "nasnet": [
        *((w, 3) for w in range(2, 17)),
        *((16, d) for d in range(4, 7)),
        *((w, 6) for w in range(18, 97, 2)),
    ],
    "mobilenet": [
        *((w, 3) for w in range(2, 9)),
        *((8, d) for d in range(4, 13)),
        *((w, 12) for w in range(9, 49)),
    ],
    "teacher": [(percent, 1) for percent in range(4, 101)],
}
"""Widths and depths of each family, from small to large; in blocks, or in percent of the teacher's
channels.
"""

SPREAD = {"large": 1.0, "medium": 0.32, "small": 0.075}
LATENCY_HEADROOM = 0.85
BUDGETS: dict[str, tuple[tuple[type, ...], float]] = {
    "max_bytes": ((int,), 2**53),
    "max_macs": ((int,), 2**53),
    "max_latency_ms": ((int, float), 1e6),
    "min_top1": ((int, float), 1),
}
"""What a variant may be asked for by: the types of each, and the most, as in JobSpec."""

CANDIDATE = "."

Measure = Callable[[StudentPlan, bool], Size]
Settled = Mapping[str, tuple[int, int]]


def plan(
    recipe: Recipe,
    budgets: Sequence[Mapping[str, Any]] | None,
    classes: int,
    graph: Any,
    measure: Measure,
    settled: Settled | None = None,
) -> tuple[StudentPlan, ...]:
    """The students, largest first.

    ``budgets`` are the variants of a JobSpec, ``graph`` the teacher's (family ``teacher``),
    ``measure`` tells the size of the files of a plan before it is trained, their latency only if
    asked. A variant that must reach a top-1 gets three candidates, the largest that its other
    budgets and the recipe allow and two below; the pipeline picks one once they are trained.
    ``settled`` has the width and depth of every student where a training has begun.

    Raises:
        CompressionError: budget_unreachable, where not even the smallest student keeps a budget.
    """
    blank = StudentPlan("", "", recipe.family, 0, 0, recipe.input_shape, classes, graph=graph)
    asked = {
        budget["name"]: {key: budget[key] for key in BUDGETS if budget.get(key)}
        for budget in budgets or ()
    }
    if settled:
        plans = [_settled(blank, name, rung, asked) for name, rung in settled.items()]
    elif recipe.students:
        plans = [
            replace(blank, name=name, variant=name, width=w, depth=d)
            for name, w, d in recipe.students
        ]
    elif asked:
        plans = [
            each
            for name, budget in asked.items()
            for each in _within(blank, name, budget, recipe, measure)
        ]
    else:
        spread = _spread(blank, recipe.parameters, list(SPREAD))
        plans = [replace(each, variant=each.name) for each in spread]
    return tuple(sorted(plans, key=lambda each: (each.width, each.depth), reverse=True))


def _settled(
    blank: StudentPlan, name: str, rung: tuple[int, int], asked: Mapping[str, Any]
) -> StudentPlan:
    variant = name.split(CANDIDATE)[0]
    return replace(
        blank, name=name, variant=variant, width=rung[0], depth=rung[1], budget=asked.get(variant)
    )


def _rungs(blank: StudentPlan) -> list[StudentPlan]:
    return [replace(blank, width=width, depth=depth) for width, depth in LADDERS[blank.family]]


def _spread(blank: StudentPlan, parameters: float, names: Sequence[str]) -> list[StudentPlan]:
    """Distinct rungs with about ``parameters`` weights, a third and a thirteenth of them."""
    rungs = _rungs(blank)
    counts = [costs.parameters(rung) for rung in rungs]
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


def _within(
    blank: StudentPlan, name: str, budget: Mapping[str, float], recipe: Recipe, measure: Measure
) -> list[StudentPlan]:
    """The largest student that keeps the budget, up to the teacher's size unless there is none so
    small.

    With ``min_top1`` two smaller ones too; where that stands alone, the largest has no more weights
    than the recipe wants.
    """
    first, *further = _rungs(replace(blank, name=name, variant=name, budget=budget))
    if exceeded := _exceeded(first, budget, measure):
        raise _unreachable(name, budget, exceeded)
    further = [rung for rung in further if costs.parameters(rung) <= recipe.teacher_parameters]
    count = bisect_right(further, False, key=lambda rung: _too_large(rung, budget, measure))
    largest = [first, *further][count]
    if "min_top1" not in budget:
        return [largest]
    parameters = costs.parameters(largest)
    if set(budget) == {"min_top1"}:
        parameters = min(parameters, recipe.parameters)
    candidates = [name, f"{name}{CANDIDATE}2", f"{name}{CANDIDATE}3"]
    return _spread(replace(largest, width=0, depth=0), parameters, candidates)


def _too_large(rung: StudentPlan, budget: Mapping[str, float], measure: Measure) -> bool:
    """Nothing is exported where the MACs already tell."""
    return costs.counted(rung).macs > budget.get("max_macs", math.inf) or bool(
        _exceeded(rung, budget, measure)
    )


def _exceeded(rung: StudentPlan, budget: Mapping[str, float], measure: Measure) -> dict[str, float]:
    """The figure of each budget that the student does not keep; latency with headroom, since it
    varies by run.
    """
    figures: dict[str, float] = {"max_macs": costs.counted(rung).macs}
    if {"max_bytes", "max_latency_ms"} & set(budget):
        size = measure(rung, "max_latency_ms" in budget)
        figures |= {
            "max_bytes": size.bytes,
            "max_latency_ms": (size.latency_ms or 0.0) / LATENCY_HEADROOM,
        }
    return {key: figure for key, figure in figures.items() if figure > budget.get(key, math.inf)}


def _unreachable(
    name: str, budget: Mapping[str, float], least: Mapping[str, float]
) -> CompressionError:
    parts = [
        f"{key} {budget[key]:,}, but the smallest student needs {_rounded(least[key])}"
        for key in least
    ]
    asks = " and ".join(f"{key} of at least {_rounded(figure)}" for key, figure in least.items())
    return CompressionError(
        "budget_unreachable",
        f"No student keeps the budget of {name!r}: {'; '.join(parts)}.",
        f"Ask for {asks}, or for another family.",
    )


def _rounded(figure: float) -> str:
    """Up, so that it may be asked for: whole bytes and MACs, thousandths of a millisecond."""
    return f"{figure:,}" if isinstance(figure, int) else f"{math.ceil(figure * 1000) / 1000:,}"
