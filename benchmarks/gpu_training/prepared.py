"""A folder with all that the training stage needs; reading it needs neither TensorFlow nor images.

The folder can be copied to another machine, and its checkpoint.npz back.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from workers.compression.images import augmentation
from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.training.checkpoint import CheckpointFile
from workers.compression.training.training_state import TrainingInputs
from workers.compression.values import SPLITS, Dataset, Split, TeacherLogits
from workers.compression.work_folder import CHECKPOINT

ABOUT, LOGITS = "about.json", "teacher_logits.npy"
PLAN_FIELDS = ("name", "variant", "family", "width", "depth", "input_shape", "classes")


def save(inputs: TrainingInputs, folder: Path) -> None:
    """Write the inputs of a training with a fixed teacher and new students."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SPLITS:
        split = getattr(inputs.data, name)
        np.save(folder / f"{name}_features.npy", split.features)
        np.save(folder / f"{name}_labels.npy", split.labels)
    np.save(folder / LOGITS, inputs.targets.logits)
    plans = [{field: asdict(plan)[field] for field in PLAN_FIELDS} for plan in inputs.plans]
    about = {
        "classes": inputs.data.classes,
        "recipe": inputs.recipe.to_json(),
        "plans": plans,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n")


def load(folder: Path) -> TrainingInputs:
    """The inverse of ``save``."""
    about = json.loads((folder / ABOUT).read_text())
    recipe = Recipe.from_json(about["recipe"])
    plans = tuple(_plan(fields) for fields in about["plans"])
    parts = {}
    for name in SPLITS:
        features = np.load(folder / f"{name}_features.npy")
        parts[name] = Split(features, np.load(folder / f"{name}_labels.npy"))
    train, val, test = (parts[name] for name in SPLITS)
    data = Dataset(tuple(about["classes"]), train, val, test, description={})
    targets = TeacherLogits(np.load(folder / LOGITS))
    preprocessing = augmentation.preprocessing(recipe.mirrored, recipe.shift)
    return TrainingInputs(recipe, plans, None, data, targets, preprocessing)


def checkpoint_file(folder: Path) -> CheckpointFile:
    return CheckpointFile(folder / CHECKPOINT, "benchmarks.gpu_training")


def _plan(fields: dict[str, Any]) -> StudentPlan:
    return StudentPlan(**fields | {"input_shape": tuple(fields["input_shape"])})
