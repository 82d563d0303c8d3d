"""report.json: what was measured, how it was made, and what is worth knowing about the input."""

import hashlib
import platform
from importlib.metadata import version
from typing import Any

from workers.compression.artifacts import evaluation
from workers.compression.artifacts.selection import FIGURES
from workers.compression.recipe import Recipe
from workers.compression.values import Artifact, Chosen, Dataset, InputContract, Scorecard, Teacher

MANY_IGNORED = 0.05
PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "numpy", "pillow")


def baseline(teacher: Teacher, card: Scorecard) -> dict[str, Any]:
    """The teacher's own row: its float32 .tflite, or the uploaded file where that could not be
    made.
    """
    return {
        "name": "teacher",
        "quantization": "float32",
        "parameters": teacher.parameters,
        **card.row(),
        "model": teacher.description,
    }


def variant(chosen: Chosen, name: str, base: dict[str, Any]) -> dict[str, Any]:
    """One file's row with its ratios to the baseline (None where the baseline is unknown)."""
    artifact, card, plan = chosen.artifact, chosen.card, chosen.artifact.plan
    return {
        "name": name,
        "student": plan.variant if plan else None,
        "family": plan.family if plan else "teacher",
        "file": artifact.path.name,
        "sha256": hashlib.sha256(artifact.path.read_bytes()).hexdigest(),
        "parameters": artifact.parameters,
        "quantization": artifact.quantization,
        **evaluation.tensors(artifact.path),
        "float32_top1": artifact.float32_top1,
        "budget": {"asked": dict(plan.budget), "kept": chosen.kept}
        if plan and plan.budget
        else None,
        **card.row(),
        "smaller_x": _ratio(base["bytes"], card.bytes),
        "faster_x": _ratio(
            base["latency_ms"] and base["latency_ms"]["p50"],
            card.latency_ms["p50"] if card.latency_ms else None,
        ),
        "fewer_macs_x": _ratio(base["macs"], card.macs),
    }


def report(
    base: dict[str, Any],
    files: list[Chosen],
    recipe: Recipe,
    minutes: float,
    contract: InputContract,
    data: Dataset,
) -> dict[str, Any]:
    """All of report.json, largest student first, the quantized teacher last; ``minutes`` are those
    of the training.
    """
    rows = [variant(chosen, _name(chosen.artifact, recipe), base) for chosen in files]
    return {
        "baseline": base
        | {
            "input_scaling": contract.scaling,
            "input_scaling_stated": contract.stated,
            "teacher_output": contract.output,
            "scaling_accuracies": contract.accuracies,
        },
        "variants": rows,
        "recipe": recipe.row(),
        "minutes": round(minutes, 2),
        "data": data.description,
        "warnings": [*_warnings(base, rows, contract, data), *_missed(files)],
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
    }


def _name(artifact: Artifact, recipe: Recipe) -> str:
    """The variant's own for the first kind of file that was asked for."""
    if artifact.plan is None:
        return f"teacher-{artifact.quantization}"
    if artifact.quantization == recipe.quantizations[0]:
        return artifact.plan.variant
    return f"{artifact.plan.variant}-{artifact.quantization}"


def _missed(files: list[Chosen]) -> list[str]:
    """A sentence for every budget that was not kept, with what was reached instead."""
    return [
        f"budget_unreachable: {each.artifact.plan.variant} ({each.artifact.quantization}) was asked for with "
        + "; ".join(
            f"{key} {most}, reached {FIGURES[key](each.card)}"
            for key, most in each.artifact.plan.budget.items()
        )
        for each in files
        if each.artifact.plan and each.artifact.plan.budget and not each.kept
    ]


def _warnings(
    base: dict[str, Any], rows: list[dict[str, Any]], contract: InputContract, data: Dataset
) -> list[str]:
    """What the user should know although the job succeeded."""
    found = []
    if base["macs"] is None:
        found.append(
            "The teacher could not be converted to .tflite: its bytes are the upload's, its speed is unknown."
        )
    if max(row["bytes"] for row in rows if row["student"]) >= base["bytes"]:
        found.append("The teacher is so small already that a student is larger.")
    if dropped := sum(data.description["duplicates_dropped"].values()):
        found.append(f"{dropped} images equal a held-out image and were not trained on.")
    if unreadable := data.description["unreadable_count"]:
        found.append(f"{unreadable} images could not be read and were left out.")
    if (ignored := data.description["ignored_files"]) > MANY_IGNORED * sum(
        data.description["counts"].values()
    ):
        found.append(
            f"{ignored} files of the archive are no images in class folders and were left out."
        )
    if base["model"]["size_assumed"]:
        _, height, width, *_ = base["model"]["input"]["shape"]
        found.append(
            f"The teacher takes images of any size and was given {height} x {width}: export it with the size that it "
            "was trained at, if that is another."
        )
    if poor := [row["name"] for row in rows if row["student"] and row["top1"] < base["top1"] / 2]:
        found.append(
            f"Far less accurate than the teacher: {', '.join(poor)}. Train longer, or ask for larger ones."
        )
    if base["top1"] < max(contract.accuracies.values()) / 2:
        found.append(
            "The teacher is far less accurate on held-out images than on those it was tried on."
        )
    return found


def _ratio(base: float | None, own: float | None) -> float | None:
    return round(base / own, 2) if base and own else None
