"""The whole story: a teacher and its data become .tflite files and a report."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workers.compression.artifacts import evaluation, export, metadata, plots, selection, summary
from workers.compression.errors import CompressionError
from workers.compression.images import splits
from workers.compression.recipe import Recipe
from workers.compression.students import costs, planning
from workers.compression.teacher import graph as teacher_graph
from workers.compression.teacher import input_contract, loading, quantized, soft_targets
from workers.compression.training import checkpoint, joint_training
from workers.compression.values import (
    Artifact,
    Dataset,
    Report,
    Scorecard,
    Size,
    StudentPlan,
    Teacher,
)

LATENCY_RUNS_OF_PLANNING = 50


def compress(
    model: Path,
    dataset: Path,
    folder: Path,
    spec: Mapping[str, Any],
    report: Report,
    recipe: Recipe | None = None,
) -> dict[str, Any]:
    """Compress ``model`` on ``dataset``; leave variants/ and the plot in ``folder`` and return what
    report.json says.

    ``spec`` is a JobSpec as a dict; ``recipe`` stands in for the one that would be derived from it.
    Training goes on from ``folder``/checkpoint.npz where that is there.

    Raises:
        CompressionError: for whatever the user can mend.
    """
    scratch, variants = folder / "scratch", folder / "variants"
    scratch.mkdir(parents=True, exist_ok=True)
    variants.mkdir(parents=True, exist_ok=True)
    report("load", 0.0)
    found = loading.load(model, scratch)
    images = splits.load(dataset, found.input_shape, spec, scratch, partial(report, "load"))
    contract = input_contract.find(found, images.train, images.classes, spec)
    logits = partial(input_contract.logits, found, contract)
    slot = checkpoint.Slot(
        folder / "checkpoint.npz", checkpoint.fingerprint(model, dataset, recipe, spec)
    )
    if slot.begun:
        recipe = Recipe.of(slot.begun.recipe)
    elif recipe is None:
        harmless = soft_targets.harmless(logits, images)
        recipe = Recipe.derive(
            spec, found.parameters, found.input_shape, len(images.train), harmless
        )
    scaling = input_contract.affine(contract, found.input_shape[2])
    itself = _itself(found, scaling, recipe, len(images.classes))
    measure = partial(_size, recipe, images.classes, scratch)
    report("plan", 0.0)
    graph, settled = itself and itself.graph, slot.begun.students if slot.begun else None
    plans = planning.plan(
        recipe, spec.get("variants"), len(images.classes), graph, measure, settled
    )
    for earlier in (folder / "report.json", *variants.glob("*.tflite")):
        earlier.unlink(missing_ok=True)
    quantizing = quantized.begin(found, scaling, contract.output, images.train, variants)
    if recipe.teacher == "joint":
        soft = soft_targets.none(images.train, recipe.mirrored, len(images.classes))
    else:
        soft = soft_targets.cache(
            logits, images.train, recipe.mirrored, scratch, partial(report, "teach")
        )
    small = splits.resized(images, recipe.input_shape, scratch)
    trained, seconds = joint_training.train(plans, itself, recipe, small, soft, slot, report)
    report("export", 0.0)
    artifacts = [
        export.export(student, kind, variants)
        for student in trained
        for kind in recipe.quantizations
    ]
    untrained = quantizing.finished()
    for artifact in [*artifacts, *([untrained] if untrained else [])]:
        metadata.describe(artifact.path, images.classes)
    report("evaluate", 0.0)
    scores = logits(images.test.images)
    tests = [
        *((artifact, small) for artifact in artifacts),
        *([(untrained, images)] if untrained else []),
    ]
    cards, card = _evaluated(tests, found, scores, images, recipe, report)
    kept = selection.choose([artifact for artifact, _ in tests], cards)
    result = summary.report(
        summary.baseline(found, card), kept, recipe, seconds / 60, contract, images
    )
    plots.accuracy_over_bytes(result, folder)
    return result


def _itself(
    found: Teacher, scaling: tuple[np.ndarray, np.ndarray], recipe: Recipe, classes: int
) -> StudentPlan | None:
    """The teacher as a student of full width, where students are made of it or it is trained along.

    ``scaling`` leads from a student's pixels to the teacher's.
    """
    if recipe.family != "teacher" and recipe.teacher != "joint":
        return None
    if found.tflite is None:
        hint = "Ask for another family, and for a fixed teacher."
        raise CompressionError(
            "teacher_not_prunable", "The teacher could not be converted to .tflite.", hint
        )
    read = teacher_graph.two_classes(teacher_graph.by_importance(teacher_graph.read(found.tflite)))
    graph = teacher_graph.scaled(read, *scaling)
    return StudentPlan(
        "teacher", "teacher", "teacher", 100, 1, found.input_shape, classes, graph=graph
    )


def _size(
    recipe: Recipe, classes: tuple[str, ...], folder: Path, plan: StudentPlan, timed: bool
) -> Size:
    """Of the largest of the files that would be made of ``plan``."""
    student = costs.untrained(plan)
    artifacts = [export.export(student, kind, folder) for kind in recipe.quantizations]
    for artifact in artifacts:
        metadata.describe(artifact.path, classes)
    paths = [artifact.path for artifact in artifacts]
    times = (
        [each["p50"] for each in evaluation.latencies(paths, LATENCY_RUNS_OF_PLANNING)]
        if timed
        else []
    )
    size = Size(
        max(path.stat().st_size for path in paths),
        costs.counted(plan).macs,
        max(times, default=None),
    )
    for path in paths:
        path.unlink()
    return size


def _evaluated(
    tests: list[tuple[Artifact, Dataset]],
    found: Teacher,
    scores: Any,
    images: Dataset,
    recipe: Recipe,
    report: Report,
) -> tuple[list[Scorecard], Scorecard]:
    """The cards of all files, and the baseline's."""
    paths = [artifact.path for artifact, _ in tests]
    latencies = evaluation.latencies(
        [*paths, *([found.tflite] if found.tflite else [])], recipe.latency_runs
    )
    cards = []
    for (artifact, seen), latency in zip(tests, latencies, strict=False):
        cards.append(evaluation.evaluate(artifact.path, seen, scores.argmax(1), latency))
        report("evaluate", len(cards) / len(tests))
    return cards, evaluation.evaluate_teacher(
        found, scores, images, latencies[-1] if found.tflite else None
    )
