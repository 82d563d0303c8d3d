"""The warnings of a report: what the user should know although the job succeeded."""

from collections.abc import Iterator, Sequence

from workers.compression.artifacts.selection import FIGURES
from workers.compression.student_values import Budget, Chosen, Scorecard
from workers.compression.values import Dataset, InputContract, Json


def warnings(
    baseline: Json,
    rows: Sequence[Json],
    files: Sequence[Chosen],
    contract: InputContract,
    data: Dataset,
) -> list[str]:
    """One sentence or two for each warning."""
    return [
        *_about_teacher(baseline, contract),
        *contract.warnings,
        *_about_students(baseline, [row for row in rows if row["student"]]),
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
    if max(row["bytes"] for row in students) >= baseline["bytes"]:
        yield "The teacher is so small that a student is larger."
    if inaccurate := [row["name"] for row in students if row["top1"] < baseline["top1"] / 2]:
        names = ", ".join(inaccurate)
        advice = "Train longer, or allow larger students."
        yield f"Far less accurate than the teacher: {names}. {advice}"


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
