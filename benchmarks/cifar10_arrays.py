"""CIFAR-10 and its ResNet-32 teacher as values of the engine, for benchmarks of its parts."""

import os
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import real_data, results_file
from benchmarks.peers import images
from service.contract.job import JobSpec
from workers.compression.images import augmentation, input_scaling
from workers.compression.recipe import Recipe
from workers.compression.student_values import FileCosts, StudentPlan
from workers.compression.students import planning
from workers.compression.students import teacher_plan as teacher_plans
from workers.compression.teacher import loading, soft_targets
from workers.compression.training import fitting, networks
from workers.compression.values import (
    Augmentation,
    Dataset,
    KnownLogits,
    PreparedTeacher,
    Split,
    TeacherLogits,
)

ROOT = Path(__file__).resolve().parents[1]
FOLDER, RESULTS = ROOT / "out" / "cifar10-arrays", ROOT / "benchmarks" / "results"
TEACHER = real_data.FOLDER / "teachers" / "cifar10-resnet32" / "resnet.h5"
TEACHER_PARAMETERS, INPUT_SHAPE, IMAGES = 470_000, (32, 32, 3), 50_000
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NOTHING_KNOWN = KnownLogits(np.zeros(0, int), np.zeros((0, len(CLASSES)), np.float32))
TOLERATED = Augmentation(mirrored=True, shift=1 / 16)
"""What augmentation.tolerated_augmentation finds for this teacher."""
KNOWN = JobSpec(input_scaling="standardized", teacher_output="softmax").model_dump(mode="json")
"""A spec that states what is known of the teacher."""
VERSIONS = ("tensorflow", "keras", "ai-edge-litert", "numpy")


def recipe(**changes: Any) -> Recipe:
    """The recipe for all 50,000 images at effort standard, with ``changes``."""
    derived = Recipe.derive(KNOWN, TEACHER_PARAMETERS, INPUT_SHAPE, IMAGES)
    return replace(derived.with_augmentation(TOLERATED), **changes)


def plans(chosen: Recipe) -> tuple[StudentPlan, ...]:
    """The three default students, largest first."""
    template = planning.plan_template(chosen, len(CLASSES), None)
    return planning.plan_students(chosen, None, template, _measure)


def _measure(plan: StudentPlan, with_latency: bool) -> FileCosts:
    raise AssertionError("students without budgets are planned without measuring")


def splits(train: int = IMAGES, test: int = 10_000) -> tuple[Split, Split]:
    """The first training and test images in the order of the files, which is random."""
    data = images.load()
    return (
        Split(data.train_images[:train], data.train_labels[:train].astype(np.int32)),
        Split(data.test_images[:test], data.test_labels[:test].astype(np.int32)),
    )


def joint_model(
    chosen: tuple[StudentPlan, ...], by: Recipe
) -> tuple[fitting.JointModel, dict[str, networks.StudentLayers]]:
    """An untrained joint model for a fixed teacher, and the layers of each student."""
    students, network = networks.build_students(chosen, by.sparsity > 0)
    preprocessing = augmentation.preprocessing(by.mirrored, by.shift)
    return fitting.JointModel(network, by, preprocessing), students


def teacher_logits(train: Split) -> TeacherLogits:
    """The teacher's logits of the images and their mirror images, computed once, kept in out/."""
    path = FOLDER / f"teacher_logits-{len(train)}.npy"
    if not path.exists():
        print(f"computing the teacher's logits of {2 * len(train):,} views", flush=True)
        scratch = FOLDER / "scratch"
        predict, mirrored = _teacher().predict_logits, augmentation.preprocessing(True, 0)
        soft_targets.compute(predict, train, mirrored, scratch, lambda _: None, NOTHING_KNOWN)
        os.replace(scratch / "teacher_logits.npy", path)
    return TeacherLogits(np.load(path))


def teacher_plan() -> StudentPlan:
    """The teacher as a student of full width, for a training that trains the teacher too."""
    return teacher_plans.teacher_as_plan(_teacher(), len(CLASSES))


@cache
def _teacher() -> PreparedTeacher:
    scratch = FOLDER / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    train, test = splits()
    data = Dataset(CLASSES, train, test, test, {})
    return input_scaling.prepare_teacher(loading.load(TEACHER, scratch), data, KNOWN)


def write(path: Path, by: Recipe, result: dict[str, Any]) -> None:
    """Write ``result`` with the students and the recipe."""
    about = {
        "students": [
            {"name": plan.name, "width": plan.width, "depth": plan.depth} for plan in plans(by)
        ],
        "recipe": asdict(by),
    }
    results_file.write(path, result | about)
    print(path)
