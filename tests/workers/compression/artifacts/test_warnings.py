"""What a report warns of, told from its figures alone."""

import pytest

from workers.compression.artifacts.intervals import wilson
from workers.compression.artifacts.warnings import warnings
from workers.compression.values import Dataset, InputContract


def row(name, student="app", **fields):
    figures = {
        "name": name,
        "student": student,
        "images": 2_000,
        "bytes": 50_000,
        "macs": 1_000_000,
        "top1": 0.89,
        "latency_ms": {"p50": 1.0},
        "top1_difference": {"value": -0.01, "low": -0.02, "high": 0.0},
    }
    figures |= fields
    low_and_high = wilson(figures["top1"], figures["images"])
    return figures | {"top1_interval": {"low": low_and_high.low, "high": low_and_high.high}}


TEACHER = row("teacher", bytes=900_000, macs=9_000_000, top1=0.9, latency_ms={"p50": 5.0}) | {
    "model": {"size_assumed": False}
}
UNTRAINED = row("teacher-int8", None, bytes=300_000, macs=9_000_000, latency_ms={"p50": 3.0})
CONTRACT = InputContract("raw", "logits", ("a", "b"), {"raw": 0.9}, (), (), False)


def told(*rows, teacher=TEACHER):
    return warnings(teacher, rows, [], CONTRACT, Dataset(("a", "b"), None, None, None, {}))


def test_good_students_lead_to_no_warning():
    assert told(row("large"), row("small", bytes=9_000), UNTRAINED) == []


@pytest.mark.parametrize(
    ("fields", "beginning"),
    [
        ({"latency_ms": {"p50": 6.0}}, "Slower than the teacher on this processor: large."),
        ({"macs": 10_000_000}, "More MACs than the teacher: large."),
        ({"bytes": 1_000_000}, "The teacher is so small that a student is larger: large."),
        (
            {"top1": 0.7, "top1_difference": {"value": -0.2, "low": -0.25, "high": -0.15}},
            "Far below the teacher's top-1, in points: large by 20.0.",
        ),
        (
            {"top1": 0.8, "bytes": 300_000, "macs": 9_000_000, "latency_ms": {"p50": 3.5}},
            "teacher-int8, made without training, is more accurate and no larger, slower or heavier"
            " than: large.",
        ),
    ],
)
def test_a_student_that_is_no_gain_is_named(fields, beginning):
    (warning,) = told(row("large", **fields), row("small"), UNTRAINED)
    assert warning.startswith(beginning)


def test_a_small_test_is_told_with_the_interval():
    few = TEACHER | {
        key: row("t", images=100, top1=0.9)[key] for key in ("images", "top1_interval")
    }
    (warning,) = told(row("large"), UNTRAINED, teacher=few)
    assert "only 100 images" in warning and "between 82.6 % and 94.5 %" in warning


def test_a_missing_teacher_int8_is_told():
    (warning,) = told(row("large"))
    assert warning.startswith("There is no teacher-int8")
