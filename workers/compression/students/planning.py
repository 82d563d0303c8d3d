"""Chooses the students to train: the largest that keep their budgets, or three default sizes."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.student_values import Budget, FileCosts, StudentPlan
from workers.compression.students.costs import count_costs
from workers.compression.students.sizes import SIZE_NAMES, all_sizes, spread
from workers.compression.values import Json

LATENCY_HEADROOM = 0.85
"""A planned student has at most this share of a latency budget, because latency varies by run."""

Measure = Callable[[StudentPlan, bool], FileCosts]
"""The costs of the files that a plan leads to; the latency only if the flag is set."""
Sizes = Mapping[str, tuple[int, int]]
"""The (width, depth) of students by name."""


def plan_students(
    recipe: Recipe,
    variants: Sequence[Json] | None,
    template: StudentPlan,
    measure: Measure,
    resumed_students: Sizes | None = None,
    teacher_costs: Budget = MappingProxyType({}),
) -> tuple[StudentPlan, ...]:
    """The students to train, the largest first.

    ``variants`` are those of the spec. A variant with a minimal accuracy gets up to three
    candidates: the largest student within its maxima (without maxima, one of about
    ``recipe.parameters`` weights), and two smaller ones; the pipeline chooses one after the
    training. ``template`` has what all plans share: family, input, classes and graph.
    ``resumed_students`` are the sizes of a training that is continued. Without ``variants`` no
    student exceeds ``teacher_costs`` (``max_macs``, ``max_latency_ms``), unless even the smallest
    does.

    Raises:
        CompressionError: budget_unreachable, if even the smallest student exceeds a limit.
    """
    budgets = {variant["name"]: _limits(variant) for variant in variants or ()}
    if resumed_students:
        plans = _resume(template, resumed_students, budgets)
    elif recipe.students:
        plans = _with_sizes(template, recipe)
    elif budgets:
        plans = []
        for name, budget in budgets.items():
            variant = replace(template, name=name, variant=name, budget=budget)
            plans += _plan_variant(variant, recipe, measure)
    else:
        plans = []
        for plan in _default_students(template, recipe.parameters, teacher_costs, measure):
            plans.append(replace(plan, variant=plan.name))
    return tuple(sorted(plans, key=lambda plan: (plan.width, plan.depth), reverse=True))


def plan_template(recipe: Recipe, classes: int, teacher: StudentPlan | None) -> StudentPlan:
    """A plan without name and size; ``teacher`` has the graph for family ``pruned``."""
    graph = teacher.graph if teacher else None
    return StudentPlan("", "", recipe.family, 0, 0, recipe.input_shape, classes, graph=graph)


def _default_students(
    template: StudentPlan, parameters: float, teacher_costs: Budget, measure: Measure
) -> list[StudentPlan]:
    sizes = all_sizes(template)
    plans = spread(sizes, parameters, SIZE_NAMES)
    # Most teachers are much larger, and then only one student is measured.
    if not teacher_costs or not _is_too_large(plans[0], teacher_costs, measure):
        return plans
    smallest, *larger = sizes
    kept = bisect_right(larger, False, key=lambda size: _is_too_large(size, teacher_costs, measure))
    return spread([smallest, *larger[:kept]], parameters, SIZE_NAMES)


def _limits(variant: Json) -> Budget:
    return {key: limit for key, limit in variant.items() if key != "name" and limit is not None}


def _resume(
    template: StudentPlan, sizes: Sizes, budgets: Mapping[str, Budget]
) -> list[StudentPlan]:
    plans = []
    for name, (width, depth) in sizes.items():
        variant = _variant_of(name)
        budget = budgets.get(variant)
        plans.append(
            replace(template, name=name, variant=variant, width=width, depth=depth, budget=budget)
        )
    return plans


def _with_sizes(template: StudentPlan, recipe: Recipe) -> list[StudentPlan]:
    plans = []
    for name, width, depth in recipe.students:
        plans.append(replace(template, name=name, variant=name, width=width, depth=depth))
    return plans


def _variant_of(candidate: str) -> str:
    return candidate.split(".")[0]


def _plan_variant(variant: StudentPlan, recipe: Recipe, measure: Measure) -> list[StudentPlan]:
    """The largest student within the budget, or up to three candidates for a minimal accuracy.

    Never larger than the teacher, unless even the smallest is. If the budget has no maximum, the
    largest candidate has about ``recipe.parameters`` weights.
    """
    budget = variant.budget or {}
    smallest, *larger = all_sizes(variant)
    if exceeded := _exceeded(smallest, budget, measure):
        raise _unreachable(variant.name, budget, exceeded)
    limit = recipe.teacher_parameters
    larger = [size for size in larger if count_costs(size).parameters <= limit]
    # The sizes are in order, so those that are too large come after all others.
    kept = bisect_right(larger, False, key=lambda size: _is_too_large(size, budget, measure))
    largest = [smallest, *larger][kept]
    minimums = sum(key.startswith("min_") for key in budget)
    if not minimums:
        return [largest]
    parameters = count_costs(largest).parameters
    if minimums == len(budget):
        parameters = min(parameters, recipe.parameters)
    # No variant's name contains a dot.
    names = (variant.name, f"{variant.name}.2", f"{variant.name}.3")
    return spread(all_sizes(variant), parameters, names)


def _is_too_large(size: StudentPlan, budget: Budget, measure: Measure) -> bool:
    # An export takes a second, but MACs are known without one.
    if count_costs(size).macs > budget.get("max_macs", math.inf):
        return True
    return bool(_exceeded(size, budget, measure))


def _exceeded(size: StudentPlan, budget: Budget, measure: Measure) -> dict[str, float]:
    """For each maximum that the student exceeds, the least one that it would keep."""
    figures: dict[str, float] = {"max_macs": count_costs(size).macs}
    if "max_bytes" in budget or "max_latency_ms" in budget:
        costs = measure(size, "max_latency_ms" in budget)
        figures["max_bytes"] = costs.bytes
        figures["max_latency_ms"] = (costs.latency_ms or 0.0) / LATENCY_HEADROOM
    return {key: figure for key, figure in figures.items() if figure > budget.get(key, math.inf)}


def _unreachable(name: str, budget: Budget, least: Mapping[str, float]) -> CompressionError:
    exceeded, needed = [], []
    for key, figure in least.items():
        text = _round_up(figure)
        exceeded.append(f"{key} is {budget[key]:,}, but the smallest student needs {text}")
        needed.append(f"{key} of at least {text}")
    message = f"No student keeps the budget of {name!r}: {'; '.join(exceeded)}."
    hint = f"Choose {' and '.join(needed)}, or another family."
    return CompressionError("budget_unreachable", message, hint)


def _round_up(figure: float) -> str:
    """Whole bytes and MACs, thousandths of a millisecond; a budget of this figure can be kept."""
    if isinstance(figure, int):
        return f"{figure:,}"
    return f"{math.ceil(figure * 1000) / 1000:,}"
