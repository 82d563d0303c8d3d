"""One joint training by the engine, quantized in two ways; its figures are kept in files."""

import gzip
import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import keras

from benchmarks import cifar10_arrays
from workers.compression.artifacts import accuracy, export, interpreter, metadata
from workers.compression.artifacts.provenance import Provenance
from workers.compression.images import augmentation, pixels
from workers.compression.images.decoding import RESIZE_FILTER
from workers.compression.recipe import Recipe
from workers.compression.student_values import Artifact, Student, StudentPlan
from workers.compression.training import fitting, joint_training
from workers.compression.training.checkpoint import CheckpointFile
from workers.compression.training.training_state import TrainingInputs
from workers.compression.values import Dataset, TeacherLogits

Figures = dict[str, dict[str, Any]]
PROVENANCE = Provenance(None, "2026-01-01", "0" * 64, "0" * 64, "benchmark", None)
"""As long as that of a job, so that the files have the same size."""


@dataclass(frozen=True)
class Training:
    """Students trained together by a recipe and a kind of joint model.

    The results are kept below ``root`` in a folder named by a digest, which does not contain the
    code: remove ``root`` after a change of the engine. An interrupted training is continued.
    """

    plans: tuple[StudentPlan, ...]
    recipe: Recipe
    model: type[fitting.JointModel]
    data: Dataset
    targets: TeacherLogits
    root: Path

    @cached_property
    def folder(self) -> Path:
        names = [plan.name for plan in self.plans]
        sizes = [len(self.data.train), len(self.data.test)]
        parts = [names, self.model.__qualname__, self.recipe.to_json(), *sizes]
        text = json.dumps(parts, sort_keys=True)
        return self.root / hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def done(self) -> bool:
        return (self.folder / "trained.json").exists()

    def run(self) -> None:
        """Do what is missing: the float training with the ranges of a sample, then the
        quantization-aware training.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # A phase without epochs writes no checkpoint, so the next call continues after the first
        # phase.
        self._stage("sampled", replace(self.recipe, quantization_epochs=0))
        self._stage("trained", self.recipe)

    def figures(self) -> Figures:
        """Top-1 in float32 and of both int8 files, bytes, and the seconds of the whole training."""
        sampled = json.loads((self.folder / "sampled.json").read_text())
        figures = json.loads((self.folder / "trained.json").read_text())
        for name, row in sampled.items():
            figures[name]["float32_top1"] = row["float32_top1"]
            figures[name]["post_training_top1"] = row["int8_top1"]
        return dict(figures)

    def _stage(self, name: str, recipe: Recipe) -> None:
        path = self.folder / f"{name}.json"
        if path.exists():
            return
        teacher = None
        if recipe.teacher_training == "joint":
            teacher = cifar10_arrays.teacher_plan()
        preprocessing = augmentation.preprocessing(recipe.mirrored, recipe.shift)
        inputs = TrainingInputs(recipe, self.plans, teacher, self.data, self.targets, preprocessing)
        file = CheckpointFile(self.folder / "checkpoint.npz", self.folder.name)
        # The engine itself has only one kind of joint model.
        with mock.patch.object(fitting, "JointModel", self.model):
            trained = joint_training.train(inputs, file, lambda *_, **__: None)
        keras.backend.clear_session()
        rows = {}
        for each in trained.students:
            measured = measure_student(each, self.data, self.folder)
            rows[each.plan.name] = measured | {"seconds": trained.seconds}
        path.write_text(json.dumps(rows, indent=2) + "\n")


def measure_student(student: Student, data: Dataset, folder: Path) -> dict[str, Any]:
    """Export ``student`` to ``folder`` as int8, and measure the file on the test images."""
    name = student.plan.name
    path = folder / f"{name}.tflite"
    export.export_student(student, "int8", path)
    artifact = Artifact(name, student.plan, "int8", path, 0, student.float32_top1)
    preparation = f"Images are resized: {RESIZE_FILTER}."
    metadata.describe(artifact, metadata.About(data.classes, preparation, PROVENANCE))
    scores = interpreter.predict(path, data.test.features, pixels.scale)
    file = path.read_bytes()
    return {
        "float32_top1": student.float32_top1,
        "int8_top1": accuracy.top_k(scores, data.test.labels, 1),
        "bytes": len(file),
        "gzip_bytes": len(gzip.compress(file, mtime=0)),
    }
