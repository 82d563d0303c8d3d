from pathlib import Path

import pytest

from workers.compression.artifacts import selection
from workers.compression.values import Artifact, Scorecard, StudentPlan


@pytest.fixture
def candidate(tmp_path):
    def make(
        name: str, top1: float, size: int, budget: dict | None = None
    ) -> tuple[Artifact, Scorecard]:
        path = Path(tmp_path / f"{name}.tflite")
        path.write_bytes(b"0" * size)
        plan = StudentPlan(name, name.split(".")[0], "resnet", 8, 3, (8, 8, 3), 2, budget)
        latency = {"p50": 1.0, "p90": 1.1, "threads": 1, "cpu": ""}
        return Artifact(plan, "int8", path, 10, top1), Scorecard(
            10, top1, 1.0, 1.0, {}, size, size, 100, 10, latency
        )

    return make


def chosen(*candidates):
    return selection.choose(*zip(*candidates, strict=True))


def test_the_smallest_that_reaches_the_accuracy_is_delivered(candidate):
    budget = {"min_top1": 0.8}
    best, middle, small = (
        candidate(n, t, s, budget)
        for n, t, s in (("app", 0.9, 90), ("app.2", 0.81, 50), ("app.3", 0.7, 20))
    )
    (only,) = chosen(best, middle, small)
    assert (only.artifact, only.kept) == (middle[0], True)
    assert [each[0].path.exists() for each in (best, middle, small)] == [False, True, False]


def test_where_none_reaches_it_the_most_accurate_is(candidate):
    budget = {"min_top1": 0.95}
    (only,) = chosen(candidate("app", 0.9, 90, budget), candidate("app.2", 0.91, 50, budget))
    assert (only.card.top1, only.kept) == (0.91, False)


def test_a_budget_is_checked_on_the_file(candidate):
    assert chosen(candidate("app", 0.9, 90, {"max_bytes": 89}))[0].kept is False
    assert chosen(candidate("web", 0.9, 90, {"max_bytes": 90}))[0].kept is True
    assert chosen(candidate("any", 0.9, 90))[0].kept is None


def test_a_missed_accuracy_does_not_break_what_could_be_kept(candidate):
    budget = {"max_bytes": 60, "min_top1": 0.95}
    (only,) = chosen(candidate("app", 0.93, 90, budget), candidate("app.2", 0.9, 50, budget))
    assert (only.card.top1, only.kept) == (0.9, False)
