"""Composes report.json, in the form of service.contract.report.Report."""

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version

from workers.compression import processor
from workers.compression.artifacts.interpreter import describe_tensors
from workers.compression.artifacts.warnings import warnings
from workers.compression.recipe import Recipe
from workers.compression.student_values import Artifact, Chosen, Scorecard
from workers.compression.values import Dataset, InputContract, Json, PreparedTeacher, Teacher

PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "numpy", "pillow")


def report(
    teacher: PreparedTeacher,
    teacher_card: Scorecard,
    files: Sequence[Chosen],
    recipe: Recipe,
    minutes: float,
    data: Dataset,
    left_out: Sequence[str],
) -> Json:
    """The content of report.json; ``minutes`` are those of the training.

    ``left_out`` are the students that are no gain beside the quantized teacher.
    """
    baseline = _baseline(teacher.loaded, teacher_card, teacher.contract)
    rows = [_row(file, teacher_card) for file in files]
    fields = recipe.to_json()
    # The sizes of the students stand in their rows.
    del fields["students"]
    return {
        "baseline": baseline,
        "variants": rows,
        "recipe": fields,
        "minutes": round(minutes, 2),
        "data": data.description,
        "warnings": warnings(baseline, rows, files, teacher.contract, data, left_out),
        "versions": _versions(),
        "machine": processor.describe(),
    }


def _baseline(teacher: Teacher, card: Scorecard, contract: InputContract) -> Json:
    """The row of the teacher itself."""
    return {
        "name": "teacher",
        "quantization": "float32",
        "parameters": teacher.parameters,
        **card.to_json(),
        "model": teacher.description,
        "input_scaling": contract.scaling,
        "input_scaling_stated": contract.stated,
        "teacher_output": contract.output,
        "scaling_accuracies": contract.accuracies,
    }


def _row(file: Chosen, teacher: Scorecard) -> Json:
    """The row of one file, with its ratios to the teacher (null where those are unknown)."""
    artifact, card = file.artifact, file.card
    return {
        "name": artifact.name,
        "file": artifact.path.name,
        "sha256": hashlib.sha256(artifact.path.read_bytes()).hexdigest(),
        **_architecture(artifact),
        "quantization": artifact.quantization,
        "parameters": artifact.parameters,
        **describe_tensors(artifact.path),
        "float32_top1": artifact.float32_top1,
        "budget": _budget(file),
        **card.to_json(),
        "smaller_x": _ratio(teacher.bytes, card.bytes),
        "faster_x": _ratio(teacher.p50, card.p50),
        "fewer_macs_x": _ratio(teacher.macs, card.macs),
    }


def _architecture(artifact: Artifact) -> Json:
    plan = artifact.plan
    if plan is None:
        return {"student": None, "family": "teacher", "width": None, "depth": None}
    return {
        "student": plan.variant,
        "family": plan.family,
        "width": plan.width,
        "depth": plan.depth,
    }


def _budget(file: Chosen) -> Json | None:
    plan = file.artifact.plan
    if plan is None or not plan.budget:
        return None
    return {"requested": dict(plan.budget), "kept": file.kept, "images": file.card.images}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package.replace("-", "_")] = version(package)
    return versions


def _ratio(teacher: float | None, student: float | None) -> float | None:
    return round(teacher / student, 2) if teacher and student else None
