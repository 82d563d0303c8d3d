"""report.json: what was measured, how it was made, and what is worth knowing about the input."""

import hashlib
import platform
from importlib.metadata import version
from typing import Any

from workers.compression.recipe import Recipe
from workers.compression.values import Artifact, Dataset, InputContract, Scorecard, Teacher

PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "numpy", "pillow")


def baseline(teacher: Teacher, card: Scorecard) -> dict[str, Any]:
    """The teacher's own row: its float32 .tflite, or the uploaded file where that could not be made."""
    return {
        "name": "teacher",
        "quantization": "float32",
        "parameters": teacher.parameters,
        **card.row(),
        "model": teacher.description,
    }


def variant(artifact: Artifact, card: Scorecard, base: dict[str, Any]) -> dict[str, Any]:
    """One student's row with its ratios to the baseline (None where the baseline is unknown)."""
    return {
        "name": artifact.plan.name,
        "file": artifact.path.name,
        "sha256": hashlib.sha256(artifact.path.read_bytes()).hexdigest(),
        "parameters": artifact.parameters,
        "quantization": "int8",
        "input": {"shape": [1, *artifact.plan.input_shape], "dtype": "uint8"},
        "output": {"shape": [1, artifact.plan.classes], "dtype": "uint8"},
        "float32_top1": artifact.float32_top1,
        **card.row(),
        "smaller_x": _ratio(base["bytes"], card.bytes),
        "faster_x": _ratio(
            base["latency_ms"] and base["latency_ms"]["p50"], card.latency_ms["p50"] if card.latency_ms else None
        ),
        "fewer_macs_x": _ratio(base["macs"], card.macs),
    }


def report(
    base: dict[str, Any],
    artifacts: list[Artifact],
    cards: list[Scorecard],
    recipe: Recipe,
    contract: InputContract,
    data: Dataset,
) -> dict[str, Any]:
    """All of report.json, largest variant first."""
    return {
        "baseline": base
        | {
            "input_scaling": contract.scaling,
            "input_scaling_stated": contract.stated,
            "teacher_output": contract.output,
            "scaling_accuracies": contract.accuracies,
        },
        "variants": [variant(artifact, card, base) for artifact, card in zip(artifacts, cards, strict=True)],
        "recipe": recipe.row(),
        "data": data.description,
        "warnings": _warnings(base, cards, contract, data),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }


def _warnings(base: dict[str, Any], cards: list[Scorecard], contract: InputContract, data: Dataset) -> list[str]:
    """What the user should know although the job succeeded."""
    found = []
    if base["macs"] is None:
        found.append("The teacher could not be converted to .tflite: its bytes are the upload's, its speed is unknown.")
    if max(card.bytes for card in cards) >= base["bytes"]:
        found.append("The teacher is so small already that a student is larger.")
    if dropped := sum(data.description["duplicates_dropped"].values()):
        found.append(f"{dropped} images equal a held-out image and were not trained on.")
    if unreadable := data.description["unreadable_count"]:
        found.append(f"{unreadable} images could not be read and were left out.")
    if base["top1"] < max(contract.accuracies.values()) / 2:
        found.append("The teacher is far less accurate on held-out images than on those it was tried on.")
    return found


def _ratio(base: float | None, own: float | None) -> float | None:
    return round(base / own, 2) if base and own else None
