"""The whole story: a teacher and its data become three .tflite files and a report."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras

from workers.compression import (
    checkpoint,
    data,
    evaluation,
    export,
    input_contract,
    metadata,
    networks,
    plots,
    quantization,
    soft_targets,
    students,
    summary,
    teacher,
    training,
)
from workers.compression.epochs import EpochEnd
from workers.compression.recipe import Phase, Recipe
from workers.compression.values import Checkpoint, Dataset, Report, Student, StudentPlan, TeacherOutputs


def compress(
    model: Path, dataset: Path, folder: Path, spec: Mapping[str, Any], report: Report, recipe: Recipe | None = None
) -> dict[str, Any]:
    """Compress ``model`` on ``dataset``; leave variants/ and the plot in ``folder`` and return what report.json says.

    ``spec`` is a JobSpec as a dict; ``recipe`` stands in for the one that would be derived from it. Training goes on
    from ``folder``/checkpoint.npz where that is there.

    Raises:
        CompressionError: for whatever the user can mend.
    """
    scratch, variants = folder / "scratch", folder / "variants"
    scratch.mkdir(parents=True, exist_ok=True)
    variants.mkdir(parents=True, exist_ok=True)
    report("load", 0.0)
    found = teacher.load(model, scratch)
    images = data.load(dataset, found.input_shape, spec, scratch, partial(report, "load"))
    contract = input_contract.find(found, images.train, images.classes, spec)
    logits = partial(input_contract.logits, found, contract)
    harmless = soft_targets.harmless(logits, images.val)
    recipe = recipe or Recipe.derive(spec, found.parameters, found.input_shape, len(images.train), harmless)
    plans = students.plan(recipe, len(images.classes))
    soft = soft_targets.cache(logits, images.train, recipe.mirrored, scratch, partial(report, "teach"))
    small = data.resized(images, recipe.input_shape, scratch)
    job = checkpoint.fingerprint(model, dataset, recipe, spec)
    trained = _train(plans, recipe, small, soft, folder / "checkpoint.npz", job, report)
    report("export", 0.0)
    artifacts = [export.export(student, networks.resnet, variants) for student in trained]
    for artifact in artifacts:
        metadata.describe(artifact.path, images.classes, recipe.input_shape[2])
    report("evaluate", 0.0)
    scores = logits(images.test.images)
    latencies = evaluation.latencies(
        [*(a.path for a in artifacts), *([found.tflite] if found.tflite else [])], recipe.latency_runs
    )
    cards = []
    for number, (artifact, latency) in enumerate(zip(artifacts, latencies, strict=False)):
        cards.append(evaluation.evaluate(artifact, small, scores.argmax(1), latency))
        report("evaluate", (number + 1) / len(artifacts))
    card = evaluation.evaluate_teacher(found, scores, images, latencies[-1] if found.tflite else None)
    result = summary.report(summary.baseline(found, card), artifacts, cards, recipe, contract, images)
    plots.accuracy_over_bytes(result, folder)
    return result


def _train(
    plans: tuple[StudentPlan, ...],
    recipe: Recipe,
    images: Dataset,
    soft: TeacherOutputs,
    path: Path,
    job: str,
    report: Report,
) -> list[Student]:
    """Train all students together in float, then quantization-aware; a checkpoint after every epoch."""
    keras.utils.set_random_seed(recipe.seed)
    saved = checkpoint.load(path, job)
    built = networks.build(plans)
    layers = [vocabulary for _, vocabulary in built.values()]
    joint = training.Joint({name: network for name, (network, _) in built.items()}, recipe)
    float32_top1 = saved.float32_top1 if saved else {}

    def fit(phase: Phase) -> None:
        def save(epochs: int) -> None:
            checkpoint.save(path, Checkpoint(job, phase.name, epochs, float32_top1, training.state(joint)))

        accuracies = partial(training.accuracies, joint, images.val)
        own = saved if saved and saved.phase == phase.name else None
        training.fit(joint, phase, images.train, soft, own, EpochEnd(phase, report, accuracies, save))

    in_float, in_int8 = recipe.phases
    if not saved or saved.phase == in_float.name:
        fit(in_float)
        float32_top1 = training.accuracies(joint, images.test)
        sample = training.Batches(images.train, soft, recipe.batch, recipe.seed).sample(
            quantization.CALIBRATION_BATCHES
        )
        quantization.calibrate(joint, layers, sample)
    quantization.set_mode(layers, "quantized")
    fit(in_int8)
    return [quantization.quantized(plan, built[plan.name][1], float32_top1[plan.name]) for plan in plans]
