"""Run as a process, with KERAS_BACKEND set: the tiny recipe, pruned and quantized, on whatever
backend that names.

    python -m tests.workers.compression.training.train_on_backend OUT

writes OUT: a JSON object of the backend and each student's sparsity and top-1.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from workers.compression.recipe import Recipe
from workers.compression.training import joint_training
from workers.compression.training.checkpoint import Slot
from workers.compression.values import Dataset, Split, StudentPlan, TeacherOutputs

SHAPE = (8, 8, 3)


def split(count: int, seed: int) -> Split:
    """Noise whose strongest colour is the class."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3).astype(np.int32)
    images = rng.integers(0, 120, (count, *SHAPE))
    images[np.arange(count), :, :, labels] += 100
    return Split(images.astype(np.uint8), labels)


def main(out: Path) -> None:
    recipe = replace(Recipe.tiny(SHAPE), epochs=3, sparsity=0.5, shift=1)
    plans = tuple(
        StudentPlan(name, name, "resnet", w, d, SHAPE, 3)
        for name, w, d in (("large", 6, 2), ("small", 4, 2))
    )
    train, held_out = split(192, 0), split(48, 1)
    images = Dataset(("red", "green", "blue"), train, held_out, held_out, {})
    soft = TeacherOutputs(8.0 * np.eye(3, dtype=np.float32)[train.labels][None])
    slot, last = Slot(out.with_suffix(".npz"), "job"), {}

    def report(stage, fraction, **details):
        last.update(details.get("metrics", {}))

    students, _ = joint_training.train(plans, None, recipe, images, soft, slot, report)
    zeros = {
        each.plan.name: float((each.convolutions["stem"].kernel == 0).mean()) for each in students
    }
    found = {
        "backend": keras.backend.backend(),
        "zeros": zeros,
        "top1": last,
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
