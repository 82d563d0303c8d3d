from dataclasses import replace

import pytest

from workers.compression.artifacts import selection
from workers.compression.artifacts.intervals import wilson
from workers.compression.student_values import Artifact, Latency, Scorecard, StudentPlan


@pytest.fixture
def candidate(tmp_path):
    """Makes the file and the scorecard of a candidate, whose name is VARIANT or VARIANT.NUMBER."""

    def make(name, top1, size, budget=None, quantization="int8", top3=1.0, p50=1.0):
        variant = name.split(".")[0]
        row = variant if quantization == "int8" else f"{variant}-{quantization}"
        path = tmp_path / f"{name}-{quantization}.tflite"
        path.write_bytes(b"0" * size)
        plan = StudentPlan(name, variant, "resnet", 8, 3, (8, 8, 3), 2, budget)
        card = Scorecard(
            10,
            top1,
            top3,
            1.0,
            1.0,
            wilson(top1, 10),
            None,
            {},
            size,
            size,
            100,
            10,
            Latency(p50, p50, 1, ""),
        )
        return Artifact(row, plan, quantization, path, 10, top1), card

    return make


def choose(*candidates):
    return selection.choose(*zip(*candidates, strict=True))


def test_the_smallest_that_reaches_the_accuracy_is_delivered(candidate, tmp_path):
    budget = {"min_top1": 0.8}
    best = candidate("app", 0.9, 90, budget)
    middle = candidate("app.2", 0.81, 50, budget)
    small = candidate("app.3", 0.7, 20, budget)
    (only,) = choose(best, middle, small)
    assert (only.card, only.kept) == (middle[1], True)
    assert [path.name for path in tmp_path.iterdir()] == ["app.tflite"]
    assert only.artifact.path.stat().st_size == 50


def test_all_files_of_the_chosen_student_get_the_names_of_their_rows(candidate, tmp_path):
    budget = {"min_top1": 0.8}
    files = []
    for name, size in (("app", 90), ("app.2", 50)):
        for quantization in ("int8", "float16"):
            files.append(candidate(name, 0.9, size, budget, quantization))
    chosen = choose(*files)
    assert [file.artifact.path.name for file in chosen] == ["app.tflite", "app-float16.tflite"]
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {50}


def test_if_none_reaches_the_accuracy_the_most_accurate_is_delivered(candidate):
    budget = {"min_top1": 0.95}
    (only,) = choose(candidate("app", 0.9, 90, budget), candidate("app.2", 0.91, 50, budget))
    assert (only.card.top1, only.kept) == (0.91, False)


def test_a_minimal_top3_is_checked_like_a_minimal_top1(candidate):
    budget = {"min_top3": 0.95}
    large = candidate("app", 0.7, 90, budget, top3=0.99)
    small = candidate("app.2", 0.7, 50, budget, top3=0.9)
    (only,) = choose(large, small)
    assert (only.card.top3, only.kept) == (0.99, True)


def test_a_budget_is_checked_on_the_file(candidate):
    assert choose(candidate("app", 0.9, 90, {"max_bytes": 89}))[0].kept is False
    assert choose(candidate("web", 0.9, 90, {"max_bytes": 90}))[0].kept is True
    assert choose(candidate("any", 0.9, 90))[0].kept is None


def test_if_no_accuracy_is_reached_the_other_limits_are_still_kept(candidate):
    budget = {"max_bytes": 60, "min_top1": 0.95}
    (only,) = choose(candidate("app", 0.93, 90, budget), candidate("app.2", 0.9, 50, budget))
    assert (only.card.top1, only.kept) == (0.9, False)


def untrained(candidate, top1, size, p50):
    artifact, card = candidate("teacher-int8", top1, size, p50=p50)
    return replace(artifact, plan=None), card


def test_students_that_the_quantized_teacher_beats_in_everything_are_left_out(candidate, tmp_path):
    beaten = [candidate("large", 0.80, 90, p50=2.0), candidate("medium", 0.79, 60, p50=1.5)]
    ahead = candidate("small", 0.78, 20, p50=0.4)
    chosen = choose(*beaten, ahead, untrained(candidate, 0.9, 50, p50=1.0))
    kept, left_out = selection.leave_out_beaten(chosen)
    # The most accurate student stays even so.
    assert [file.artifact.name for file in kept] == ["large", "small", "teacher-int8"]
    assert left_out == ["medium"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "large.tflite",
        "small.tflite",
        "teacher-int8.tflite",
    }


@pytest.mark.parametrize("better", [{"size": 40}, {"top1": 0.95}, {"p50": 0.5}])
def test_a_student_that_is_better_in_one_figure_stays(candidate, better):
    figures = {"top1": 0.79, "size": 60, "p50": 1.5} | better
    best = candidate("large", 0.96, 90, p50=2.0)
    teacher = untrained(candidate, 0.9, 50, p50=1.0)
    chosen = choose(best, candidate("medium", **figures), teacher)
    assert selection.leave_out_beaten(chosen) == (chosen, [])


def test_without_a_quantized_teacher_all_students_stay(candidate):
    chosen = choose(candidate("large", 0.9, 90), candidate("small", 0.7, 95))
    assert selection.leave_out_beaten(chosen) == (chosen, [])
