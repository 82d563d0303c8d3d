from dataclasses import replace

import pytest

from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.students import costs, planning
from workers.compression.values import Augmentation, Size

RECIPE = Recipe.derive({}, 470_000, (32, 32, 3), 50_000, Augmentation(True, 0.125))


def measured(plan, timed):
    """A byte per parameter and 2 kB beside, a millisecond per 10 M MACs."""
    layers = costs.counted(plan)
    return Size(costs.parameters(plan) + 2_000, layers.macs, layers.macs / 1e7 if timed else None)


def planned(*budgets, family="resnet"):
    return planning.plan(replace(RECIPE, family=family), budgets or None, 10, None, measured)


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "nasnet"])
def test_without_budgets_three_students_spread_over_the_range(family):
    plans = planned(family=family)
    counts = [costs.parameters(plan) for plan in plans]
    assert [plan.name for plan in plans] == ["large", "medium", "small"]
    assert 0.4 * 470_000 < counts[0] < 0.7 * 470_000
    assert counts[0] > 2.5 * counts[1] > 2.5 * 3 * counts[2]


def test_a_tiny_teacher_gets_smaller_students():
    plans = planning.plan(replace(RECIPE, parameters=9_000), None, 10, None, measured)
    assert [costs.parameters(plan) < 10_000 for plan in plans] == [True] * len(plans)
    assert len({(plan.width, plan.depth) for plan in plans}) == len(plans) > 1


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "nasnet"])
@pytest.mark.parametrize(
    ("key", "most", "figure"),
    [
        ("max_bytes", 60_000, lambda size: size.bytes),
        ("max_macs", 9_000_000, lambda size: size.macs),
        ("max_latency_ms", 0.8, lambda size: size.latency_ms),
    ],
)
def test_the_largest_student_that_keeps_a_budget(family, key, most, figure):
    (plan,) = planned({"name": "app", key: most}, family=family)
    ladder = planning.LADDERS[family]
    above = replace(
        plan,
        **dict(
            zip(("width", "depth"), ladder[ladder.index((plan.width, plan.depth)) + 1], strict=True)
        ),
    )
    assert figure(measured(plan, True)) <= most
    headroom = planning.LATENCY_HEADROOM if key == "max_latency_ms" else 1
    assert figure(measured(above, True)) > most * headroom


def test_no_student_is_larger_than_the_teacher():
    (plan,) = planned({"name": "app", "max_bytes": 100_000_000})
    assert 200_000 < costs.parameters(plan) <= 470_000


def test_all_budgets_of_a_variant_are_kept():
    (plan,) = planned({"name": "app", "max_bytes": 200_000, "max_macs": 5_000_000})
    assert costs.counted(plan).macs <= 5_000_000


def test_an_accuracy_gets_candidates_within_the_other_budgets():
    plans = planned({"name": "app", "max_bytes": 100_000, "min_top1": 0.9})
    assert [plan.variant for plan in plans] == ["app"] * 3
    assert len({plan.name for plan in plans}) == 3
    (largest,) = planned({"name": "app", "max_bytes": 100_000})
    assert (plans[0].width, plans[0].depth) == (largest.width, largest.depth)


def test_an_accuracy_alone_starts_from_the_usual_large_student():
    plans = planned({"name": "app", "min_top1": 0.9})
    usual = planned()
    assert [(plan.width, plan.depth) for plan in plans] == [
        (plan.width, plan.depth) for plan in usual
    ]


def test_a_candidate_is_no_variant_that_somebody_asked_for():
    plans = planned({"name": "app", "min_top1": 0.9}, {"name": "app-2", "max_bytes": 50_000})
    assert len({plan.name for plan in plans}) == 4


def test_what_has_begun_is_planned_as_it_began():
    budgets = [{"name": "app", "max_latency_ms": 1.0, "min_top1": 0.9}]
    settled = {plan.name: (plan.width, plan.depth) for plan in planned(*budgets)}
    again = planning.plan(RECIPE, budgets, 10, None, None, settled)
    assert again == planned(*budgets)
    assert [plan.budget for plan in again] == [{"max_latency_ms": 1.0, "min_top1": 0.9}] * 3


def test_what_cannot_be_kept_is_refused_with_the_nearest_figure():
    least = measured(planned({"name": "app", "max_bytes": 8_000})[0], False)
    with pytest.raises(CompressionError) as refused:
        planned({"name": "app", "max_bytes": 1_000})
    assert refused.value.code == "budget_unreachable"
    smallest = measured(replace(planned()[0], width=2, depth=2), False).bytes
    assert f"{smallest:,}" in refused.value.message
    assert f"{smallest:,}" in refused.value.hint
    assert least.bytes >= smallest


def test_the_refusal_names_every_budget_that_is_missed():
    with pytest.raises(CompressionError) as refused:
        planned({"name": "app", "max_bytes": 1_000, "max_macs": 1_000, "max_latency_ms": 0.001})
    assert all(key in refused.value.hint for key in ("max_bytes", "max_macs", "max_latency_ms"))


def test_students_of_several_variants_come_largest_first():
    plans = planned({"name": "watch", "max_bytes": 30_000}, {"name": "phone", "max_bytes": 250_000})
    assert [plan.name for plan in plans] == ["phone", "watch"]
