"""Trains the tiny recipe, pruned and quantized, on the backend that KERAS_BACKEND names.

    python -m tests.workers.compression.training.train_on_backend OUT

writes OUT, a JSON object with the backend and each student's sparsity and top-1.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from workers.compression.images.augmentation import preprocessing
from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.training import joint_training
from workers.compression.training.checkpoint import CheckpointFile
from workers.compression.training.training_state import TrainingInputs
from workers.compression.values import Dataset, Split, TeacherLogits

SHAPE = (8, 8, 3)


def split(count: int, seed: int) -> Split:
    """Noise in which the strongest colour is the class."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3).astype(np.int32)
    images = rng.integers(0, 120, (count, *SHAPE))
    images[np.arange(count), :, :, labels] += 100
    return Split(images.astype(np.uint8), labels)


def main(out: Path) -> None:
    recipe = replace(Recipe.tiny(SHAPE), epochs=3, sparsity=0.5, shift=1)
    large = StudentPlan("large", "large", "resnet", 6, 2, SHAPE, 3)
    small = StudentPlan("small", "small", "resnet", 4, 2, SHAPE, 3)
    train, held_out = split(192, 0), split(48, 1)
    data = Dataset(("red", "green", "blue"), train, held_out, held_out, {})
    targets = TeacherLogits(8.0 * np.eye(3, dtype=np.float32)[train.labels][None])
    shifted = preprocessing(mirrored=False, shift=1)
    inputs = TrainingInputs(recipe, (large, small), None, data, targets, shifted)
    top1 = {}

    def report_progress(stage, fraction, **details):
        top1.update(details.get("metrics", {}))

    file = CheckpointFile(out.with_suffix(".npz"), "job")
    students = joint_training.train(inputs, file, report_progress).students
    zeros = {}
    for student in students:
        zeros[student.plan.name] = float((student.convolutions["stem"].kernel == 0).mean())
    found = {"backend": keras.backend.backend(), "zeros": zeros, "top1": top1}
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
