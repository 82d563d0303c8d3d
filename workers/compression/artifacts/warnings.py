"""The warnings of a report: what the user should know although the job succeeded."""

from collections.abc import Iterator, Sequence

from workers.compression.artifacts.selection import FIGURES
from workers.compression.student_values import Budget, Chosen, Scorecard
from workers.compression.values import Dataset, InputContract, Json

FAR_BELOW = 0.1
"""Of top-1, by which a student is surely below the teacher."""
SLOWER = 1.1
"""A latency this many times another is slower; repeated measurements differ by up to a tenth."""
WIDE_INTERVAL = 6.0
"""Points between the ends of the interval: 3 more or less than measured."""


def warnings(
    baseline: Json,
    rows: Sequence[Json],
    files: Sequence[Chosen],
    contract: InputContract,
    data: Dataset,
    left_out: Sequence[str] = (),
) -> list[str]:
    """One sentence or two for each warning."""
    students = [row for row in rows if row["student"]]
    untrained = [row for row in rows if not row["student"]]
    return [
        *_about_teacher(baseline, contract),
        *contract.warnings,
        *_about_test(baseline),
        *_about_students(baseline, students),
        *_about_untrained(untrained, students),
        *_about_left_out(left_out),
        *data.warnings,
        *_about_budgets(files),
    ]


def _about_teacher(baseline: Json, contract: InputContract) -> Iterator[str]:
    if baseline["macs"] is None:
        yield (
            "The teacher could not be converted to .tflite: its bytes are those of the upload, and"
            " its speed is unknown."
        )
    if baseline["model"]["size_assumed"]:
        size = " x ".join(map(str, baseline["model"]["input"]["shape"][1:3]))
        yield (
            f"The teacher takes inputs of any size and was given {size}. If it was trained at"
            " another size, state it with input_size."
        )
    if baseline["top1"] < max(contract.accuracies.values()) / 2:
        yield (
            "The teacher is far less accurate on held-out data than on the training data with which"
            " its scaling was found."
        )


def _about_students(baseline: Json, students: Sequence[Json]) -> Iterator[str]:
    if larger := [row["name"] for row in students if row["bytes"] >= baseline["bytes"]]:
        yield f"The teacher is so small that a student is larger: {', '.join(larger)}."
    if baseline["macs"] is not None:
        if slower := [row["name"] for row in students if _is_slower(row, baseline)]:
            yield f"Slower than the teacher on this processor: {', '.join(slower)}."
        if heavier := [row["name"] for row in students if row["macs"] > baseline["macs"]]:
            yield f"More MACs than the teacher: {', '.join(heavier)}."
    far = [row for row in students if row["top1_difference"]["high"] < -FAR_BELOW]
    if far:
        names = ", ".join(
            f"{row['name']} by {-100 * row['top1_difference']['value']:.1f}" for row in far
        )
        advice = "Train longer, or allow larger students."
        yield f"Far below the teacher's top-1, in points: {names}. {advice}"


def _is_slower(row: Json, baseline: Json) -> bool:
    return bool(row["latency_ms"]["p50"] > SLOWER * baseline["latency_ms"]["p50"])


def _about_test(baseline: Json) -> Iterator[str]:
    low, high = (100 * baseline["top1_interval"][end] for end in ("low", "high"))
    if high - low > WIDE_INTERVAL:
        yield (
            f"The test has only {baseline['images']} images: the teacher's true top-1 lies between"
            f" {low:.1f} % and {high:.1f} % (95 % interval), and those of the students are as"
            " uncertain. With more test images, smaller differences can be told."
        )


def _about_untrained(untrained: Sequence[Json], students: Sequence[Json]) -> Iterator[str]:
    """Beside the teacher in int8, which costs no training."""
    if not untrained:
        yield (
            "There is no teacher-int8, the teacher quantized without training: the converter does"
            " not quantize it, or it takes images that are standardized one by one."
        )
    for other in untrained:
        beaten = [row["name"] for row in students if _is_beaten(row, other)]
        if beaten:
            yield (
                f"{other['name']}, made without training, is more accurate and no larger, slower or"
                f" heavier than: {', '.join(beaten)}."
            )


def _about_left_out(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield (
            "Left out, because the teacher in int8 has fewer bytes, less latency and a higher"
            f" top-1: {', '.join(names)}. To get them all the same, ask for variants."
        )


def _is_beaten(row: Json, other: Json) -> bool:
    costs = ("bytes", "macs")
    return bool(
        other["top1"] > row["top1"]
        and all(other[cost] <= row[cost] for cost in costs)
        and not _is_slower(other, row)
    )


def _about_budgets(files: Sequence[Chosen]) -> Iterator[str]:
    for file in files:
        plan = file.artifact.plan
        if plan and plan.budget and not file.kept:
            figures = _reached(plan.budget, file.card)
            row = f"{plan.variant} ({file.artifact.quantization})"
            yield f"budget_unreachable: {row} does not keep its budget: {figures}."


def _reached(budget: Budget, card: Scorecard) -> str:
    return "; ".join(
        f"{key} {limit}, reached {FIGURES[key](card)}" for key, limit in budget.items()
    )
