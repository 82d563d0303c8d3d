"""CIFAR-10 and its ResNet-32 teacher as the engine's own values, for benchmarks that train students
by themselves.
"""

import json
import os
import platform
from dataclasses import asdict, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import real_data
from benchmarks.peers import images
from workers.compression.artifacts import evaluation
from workers.compression.recipe import Recipe
from workers.compression.students import planning
from workers.compression.teacher import graph as teacher_graph
from workers.compression.teacher import input_contract, loading, soft_targets
from workers.compression.training import fitting, networks
from workers.compression.values import (
    Augmentation,
    InputContract,
    Size,
    Split,
    StudentPlan,
    Teacher,
    TeacherOutputs,
)

ROOT = Path(__file__).resolve().parents[1]
FOLDER, RESULTS = ROOT / "out" / "cifar10-arrays", ROOT / "benchmarks" / "results"
TEACHER = real_data.FOLDER / "teachers" / "cifar10-resnet32" / "resnet.h5"
TEACHER_PARAMETERS, INPUT_SHAPE, IMAGES = 470_000, (32, 32, 3), 50_000
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HARMLESS = Augmentation(mirrored=True, shift=1 / 16)
"""What soft_targets.harmless finds that this teacher tolerates."""
VERSIONS = ("tensorflow", "keras", "ai-edge-litert", "numpy")


def recipe(**changes: Any) -> Recipe:
    """What the engine derives for all 50,000 images at effort standard, with ``changes``."""
    return replace(Recipe.derive({}, TEACHER_PARAMETERS, INPUT_SHAPE, IMAGES, HARMLESS), **changes)


def plans(chosen: Recipe) -> tuple[StudentPlan, ...]:
    """The three default students, largest first."""
    return planning.plan(chosen, None, len(CLASSES), None, _measure)


def _measure(plan: StudentPlan, timed: bool) -> Size:
    raise AssertionError("students without budgets are planned without measuring")


def splits(train: int = IMAGES, test: int = 10_000) -> tuple[Split, Split]:
    """The first ``train`` training images and the first ``test`` test images, in the canonical
    (random) order.
    """
    data = images.load()
    return (
        Split(data.train_images[:train], data.train_labels[:train].astype(np.int32)),
        Split(data.test_images[:test], data.test_labels[:test].astype(np.int32)),
    )


def joint(
    chosen: tuple[StudentPlan, ...], by: Recipe
) -> tuple[fitting.Joint, dict[str, networks.Trainable]]:
    """An untrained joint network, as the engine builds it for a fixed teacher, and the students'
    layers by name.
    """
    layers, network = networks.build(chosen, by.sparsity > 0)
    return fitting.Joint(network, by, None), layers


def outputs(train: Split) -> TeacherOutputs:
    """The teacher's logits of the images and of their mirror images; computed once, then kept below
    out/.
    """
    path = FOLDER / f"teacher_logits-{len(train)}.npy"
    if not path.exists():
        print(f"computing the teacher's logits of {2 * len(train):,} views", flush=True)
        found, contract = _teacher()
        scratch = FOLDER / "scratch"
        soft_targets.cache(
            partial(input_contract.logits, found, contract), train, True, scratch, lambda _: None
        )
        os.replace(scratch / "teacher_logits.npy", path)
    return TeacherOutputs(np.load(path))


def teacher_plan() -> StudentPlan:
    """The teacher as a student of full width, which is what is trained along under ``teacher:
    joint``.
    """
    found, contract = _teacher()
    assert found.tflite is not None
    graph = teacher_graph.by_importance(teacher_graph.read(found.tflite))
    graph = teacher_graph.scaled(graph, *input_contract.affine(contract, INPUT_SHAPE[2]))
    return StudentPlan(
        "teacher", "teacher", "teacher", 100, 1, INPUT_SHAPE, len(CLASSES), graph=graph
    )


@cache
def _teacher() -> tuple[Teacher, InputContract]:
    scratch = FOLDER / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    found = loading.load(TEACHER, scratch)
    known = {"input_scaling": "standardized", "teacher_output": "softmax"}
    return found, input_contract.find(found, splits()[0], CLASSES, known)


def write(path: Path, by: Recipe, result: dict[str, Any]) -> None:
    """Keep ``result`` with what it depends on."""
    about = {
        "students": [
            {"name": plan.name, "width": plan.width, "depth": plan.depth} for plan in plans(by)
        ],
        "recipe": asdict(by),
        "machine": {
            "cpu": evaluation.cpu(),
            "cpus": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in VERSIONS},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result | about, indent=2) + "\n")
    print(path)
