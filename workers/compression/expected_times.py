"""How long the stages of a job will take, from what is known when its students are planned."""

from collections.abc import Sequence

from workers.compression.artifacts import file_costs
from workers.compression.progress import PREPARATION_SECONDS
from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.students.costs import count_costs
from workers.compression.training.precision import has_bfloat16
from workers.compression.values import Dataset, PreparedTeacher

TRAINING_SPEED = {"resnet": 1.0, "mobilenet": 0.17, "nasnet": 0.17, "pruned": 0.5}
"""MACs per second of each family's training, as a share of those of the teacher's inference.

Measured with the demo and with TrashNet ("estimated times" in docs/experiments.md). They hold until
the training itself was measured for some seconds.
"""
QUANTIZED_EPOCH = 1.2
"""Seconds of an epoch of quantization-aware training, as a multiple of those of a float epoch."""
WITHOUT_BFLOAT16 = {"resnet": 2 / 3, "pruned": 2 / 3}
"""The part of that speed that is left where the processor does not multiply bfloat16."""
SECONDS_PER_FILE = 0.6
TRAINING_PASSES = 3
"""A training step costs about three times the MACs of inference."""


def expected_seconds(
    recipe: Recipe,
    plans: Sequence[StudentPlan],
    teacher: PreparedTeacher,
    data: Dataset,
) -> dict[str, float] | None:
    """The seconds of each stage after the plan; None for a teacher of unknown MACs.

    Two views of each example are assumed: which of them the teacher tolerates is not yet known.
    """
    if teacher.loaded.tflite is None:
        return None
    teacher_macs, per_example = file_costs.count_macs(teacher.loaded.tflite), teacher.seconds
    student_macs = sum(count_costs(plan).macs for plan in plans)
    views, trained_macs = 2, student_macs
    if recipe.teacher_training == "joint":
        views, trained_macs = 0, student_macs + teacher_macs
    examples = len(data.train)
    speed = _training_speed(recipe.family) * teacher_macs / per_example
    epoch = TRAINING_PASSES * trained_macs * examples / speed
    files = len(plans) * len(recipe.quantizations)
    tested_macs = 2 * teacher_macs + student_macs * len(recipe.quantizations)
    return {
        "teach": views * examples * per_example,
        "train": PREPARATION_SECONDS["train"] + recipe.epochs * epoch,
        "quantize": PREPARATION_SECONDS["quantize"]
        + recipe.quantization_epochs * QUANTIZED_EPOCH * epoch,
        "export": SECONDS_PER_FILE * files,
        "evaluate": SECONDS_PER_FILE * files
        + len(data.test) * per_example * tested_macs / teacher_macs,
    }


def _training_speed(family: str) -> float:
    speed = TRAINING_SPEED[family]
    return speed if has_bfloat16() else speed * WITHOUT_BFLOAT16.get(family, 1.0)
