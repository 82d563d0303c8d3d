from dataclasses import replace

import pytest

from tests.workers.compression.conftest import full_spec
from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.student_values import FileCosts
from workers.compression.students import planning
from workers.compression.students.costs import count_costs
from workers.compression.students.sizes import SIZES

NO_LIMIT: dict[str, float] = {}
RECIPE = Recipe.derive(full_spec(), 470_000, (32, 32, 3), 50_000)


def measured(plan, with_latency):
    """One byte per parameter and 2 kB more, one millisecond per 10 million MACs."""
    costs = count_costs(plan)
    latency = costs.macs / 1e7 if with_latency else None
    return FileCosts(costs.parameters + 2_000, costs.macs, latency)


def plan(*variants, family="resnet", recipe=RECIPE, resumed=None, teacher_costs=NO_LIMIT):
    recipe = replace(recipe, family=family)
    complete = full_spec(variants=variants or None)["variants"]
    template = planning.plan_template(recipe, 10, None)
    return planning.plan_students(recipe, complete, template, measured, resumed, teacher_costs)


def sizes_of(plans):
    return [(each.width, each.depth) for each in plans]


def parameters(plans):
    return [count_costs(each).parameters for each in plans]


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "nasnet"])
def test_without_budgets_there_are_three_students_of_different_sizes(family):
    plans = plan(family=family)
    counts = parameters(plans)
    assert [each.name for each in plans] == ["large", "medium", "small"]
    assert 0.4 * 470_000 < counts[0] < 0.7 * 470_000
    assert counts[0] > 2.5 * counts[1] > 2.5 * 3 * counts[2]


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "nasnet"])
@pytest.mark.parametrize("costs", [{"max_macs": 4_000_000}, {"max_latency_ms": 0.4}])
def test_no_default_student_has_more_macs_or_a_larger_latency_than_the_teacher(family, costs):
    unlimited, limited = plan(family=family), plan(family=family, teacher_costs=costs)
    assert count_costs(unlimited[0]).macs > 4_000_000 >= count_costs(limited[0]).macs
    assert [each.name for each in limited] == ["large", "medium", "small"]
    counts = parameters(limited)
    assert counts[0] > counts[1] > counts[2]


def test_the_smallest_student_stays_although_the_teacher_is_smaller():
    (only,) = plan(teacher_costs={"max_macs": 10})
    assert (only.width, only.depth) == SIZES["resnet"][0]


def test_a_student_that_was_asked_for_may_be_larger_than_the_teacher():
    (asked,) = plan({"name": "app", "max_bytes": 60_000}, teacher_costs={"max_macs": 10})
    assert count_costs(asked).macs > 1_000_000


@pytest.mark.parametrize("side", [28, 64, 128, 300])
def test_auto_means_resnet_for_images_of_any_size(side):
    assert Recipe.derive(full_spec(), 470_000, (side, side, 3), 2_000).family == "resnet"
    asked = Recipe.derive(full_spec(family="mobilenet"), 470_000, (side, side, 3), 2_000)
    assert asked.family == "mobilenet"


def test_a_tiny_teacher_gets_smaller_students():
    plans = plan(recipe=replace(RECIPE, parameters=9_000))
    assert max(parameters(plans)) < 10_000
    assert len(set(sizes_of(plans))) == len(plans) > 1


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "nasnet"])
@pytest.mark.parametrize(
    ("key", "limit", "figure"),
    [
        ("max_bytes", 60_000, lambda costs: costs.bytes),
        ("max_macs", 9_000_000, lambda costs: costs.macs),
        ("max_latency_ms", 0.8, lambda costs: costs.latency_ms),
    ],
)
def test_the_largest_student_that_keeps_a_budget_is_planned(family, key, limit, figure):
    (found,) = plan({"name": "app", key: limit}, family=family)
    of_family = SIZES[family]
    width, depth = of_family[of_family.index((found.width, found.depth)) + 1]
    larger = replace(found, width=width, depth=depth)
    assert figure(measured(found, True)) <= limit
    headroom = planning.LATENCY_HEADROOM if key == "max_latency_ms" else 1
    assert figure(measured(larger, True)) > limit * headroom


def test_no_student_is_larger_than_the_teacher():
    (found,) = plan({"name": "app", "max_bytes": 100_000_000})
    assert 200_000 < count_costs(found).parameters <= 470_000


def test_all_limits_of_a_variant_are_kept():
    (found,) = plan({"name": "app", "max_bytes": 200_000, "max_macs": 5_000_000})
    assert count_costs(found).macs <= 5_000_000


@pytest.mark.parametrize("minimum", ["min_top1", "min_top3", "min_top5"])
def test_a_minimal_accuracy_gets_three_candidates_within_the_other_limits(minimum):
    plans = plan({"name": "app", "max_bytes": 100_000, minimum: 0.9})
    assert [each.variant for each in plans] == ["app"] * 3
    assert len({each.name for each in plans}) == 3
    largest = plan({"name": "app", "max_bytes": 100_000})
    assert sizes_of(plans)[:1] == sizes_of(largest)


def test_candidates_for_an_accuracy_alone_have_the_default_sizes():
    assert sizes_of(plan({"name": "app", "min_top1": 0.9})) == sizes_of(plan())


def test_a_candidate_never_has_the_name_of_another_variant():
    plans = plan({"name": "app", "min_top1": 0.9}, {"name": "app-2", "max_bytes": 50_000})
    assert len({each.name for each in plans}) == 4


def test_a_resumed_training_has_the_students_that_it_started_with():
    variant = {"name": "app", "max_latency_ms": 1.0, "min_top1": 0.9}
    first = plan(variant)
    resumed = {each.name: (each.width, each.depth) for each in first}
    again = plan(variant, resumed=resumed)
    assert again == first
    assert [each.budget for each in again] == [{"max_latency_ms": 1.0, "min_top1": 0.9}] * 3


def test_a_limit_that_no_student_keeps_is_refused_with_the_nearest_figure():
    with pytest.raises(CompressionError) as refused:
        plan({"name": "app", "max_bytes": 1_000})
    assert refused.value.code == "budget_unreachable"
    smallest = measured(replace(plan()[0], width=2, depth=2), False).bytes
    assert f"{smallest:,}" in refused.value.message
    assert f"{smallest:,}" in refused.value.hint
    (found,) = plan({"name": "app", "max_bytes": smallest})
    assert (found.width, found.depth) == (2, 2)


def test_the_error_names_every_limit_that_is_exceeded():
    limits = {"max_bytes": 1_000, "max_macs": 1_000, "max_latency_ms": 0.001}
    with pytest.raises(CompressionError) as refused:
        plan({"name": "app", **limits})
    assert all(key in refused.value.hint for key in limits)


def test_the_students_of_several_variants_are_sorted_largest_first():
    plans = plan({"name": "watch", "max_bytes": 30_000}, {"name": "phone", "max_bytes": 250_000})
    assert [each.name for each in plans] == ["phone", "watch"]
