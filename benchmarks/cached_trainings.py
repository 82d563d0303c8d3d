"""One joint training by the engine, quantized in two ways, whose figures are kept; an interrupted
one goes on.
"""

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
from workers.compression.artifacts import evaluation, export, metadata
from workers.compression.recipe import Recipe
from workers.compression.training import checkpoint, fitting, joint_training
from workers.compression.values import Dataset, Student, StudentPlan, TeacherOutputs

Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Training:
    """Students trained together by a recipe and a kind of joint network; ``root`` holds what is
    kept, by a digest.

    Code is no part of the digest: where the engine changed, remove ``root``.
    """

    plans: tuple[StudentPlan, ...]
    recipe: Recipe
    joint: type[fitting.Joint]
    data: Dataset
    soft: TeacherOutputs
    root: Path

    @cached_property
    def folder(self) -> Path:
        parts = [[plan.name for plan in self.plans], self.joint.__qualname__, self.recipe.row()]
        sizes = [len(self.data.train), len(self.data.test)]
        return (
            self.root
            / hashlib.sha256(json.dumps([*parts, *sizes], sort_keys=True).encode()).hexdigest()[:16]
        )

    @property
    def done(self) -> bool:
        return (self.folder / "trained.json").exists()

    def run(self) -> None:
        """What is not done yet: in float with ranges of a sample, then the quantization-aware
        epochs behind that.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # Without epochs the second phase writes no checkpoint: the next call goes on behind the
        # first phase.
        self._stage("sampled", replace(self.recipe, quantization_epochs=0))
        self._stage("trained", self.recipe)

    def figures(self) -> Figures:
        """Of each student: top-1 in float32 and of both int8 files, bytes; ``seconds`` is its whole
        training's.
        """
        sampled, trained = (
            json.loads((self.folder / f"{name}.json").read_text())
            for name in ("sampled", "trained")
        )
        return {
            name: {"float32_top1": row["float32_top1"], "post_training_top1": row["int8_top1"]}
            | trained[name]
            for name, row in sampled.items()
        }

    def _stage(self, name: str, recipe: Recipe) -> None:
        path = self.folder / f"{name}.json"
        if path.exists():
            return
        teacher = cifar10_arrays.teacher_plan() if recipe.teacher == "joint" else None
        slot = checkpoint.Slot(self.folder / "checkpoint.npz", self.folder.name)
        with mock.patch.object(fitting, "Joint", self.joint):  # the engine trains only one kind
            students, seconds = joint_training.train(
                self.plans, teacher, recipe, self.data, self.soft, slot, lambda *_, **__: None
            )
        keras.backend.clear_session()
        rows = {each.plan.name: self._measured(each) | {"seconds": seconds} for each in students}
        path.write_text(json.dumps(rows, indent=2) + "\n")

    def _measured(self, student: Student) -> dict[str, Any]:
        path = export.export(student, "int8", self.folder).path
        metadata.describe(path, self.data.classes)
        file = path.read_bytes()
        return {
            "float32_top1": student.float32_top1,
            "int8_top1": evaluation.top_k(
                evaluation.predict(path, self.data.test.images), self.data.test.labels, 1
            ),
            "bytes": len(file),
            "gzip_bytes": len(gzip.compress(file, mtime=0)),
        }
