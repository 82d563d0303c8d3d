"""The recipe of one compression: every number of the training, derived in one function."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from workers.compression.values import Augmentation, Json, Shape, Spec

# Titles in quotes name the section of docs/experiments.md with the measurement.
MAX_INPUT_SIDE = 128
"""Pixels; students do not see more. Not measured: it keeps a job on photos within hours."""
MAX_BATCH_PIXELS = 128 * MAX_INPUT_SIDE**2
"""Pixels of a batch, so that a training fits the memory of a small worker."""
MAX_PARAMETERS = 300_000
TEACHER_SHARE = 0.6
"""Of the teacher's parameters, for the largest student. Not measured."""
AUTO = "resnet"
"""The family that ``auto`` means: "families at equal minutes on photos"."""
EXAMPLES_SEEN = {"draft": 120_000, "standard": 3_000_000, "thorough": 5_000_000}
SHORT_EPOCHS_MONITORED = 0.25
"""Examples that are measured after an epoch that has not all of them, as a share of its own."""
EPOCH_BOUNDS = {"draft": (3, 30), "standard": (10, 90), "thorough": (30, 300)}


@dataclass(frozen=True)
class Phase:
    """One call of ``fit``: its epochs, its peak learning rate and the seed of its batches."""

    name: str
    epochs: int
    rate: float
    seed: int


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training; shown in report.json.

    students: (name, width, depth) of each student, set by tests and benchmarks. When empty, the
        students are planned: ``parameters`` is what the largest should have, and none has more than
        ``teacher_parameters``.
    rate, quantization_rate: peaks of cosine schedules with warm-up.
    weight_decay: decoupled (Loshchilov & Hutter 2019). At momentum .9 it does a tenth of what the
        same factor does as an L2 term.
    temperature, soft_weight: of the distillation loss (Hinton et al. 2015, section 2).
    teacher_weight: of the loss of a teacher that is trained with its students.
    shift: the largest translation, in pixels.
    sparsity: the share of weights that magnitude pruning sets to zero.
    keep_grey: files for grey images take one channel; else three, of which they use the mean.
    input_shape: of the students in training: height, width, channels.
    epoch_examples: how many training examples an epoch has, drawn anew for each; 0 for all.
    max_minutes: from which the epochs follow where it is given, in place of ``effort``.
    """

    effort: str
    seed: int
    family: str
    teacher_training: str
    students: tuple[tuple[str, int, int], ...]
    parameters: int
    teacher_parameters: int
    quantizations: tuple[str, ...]
    sparsity: float
    keep_grey: bool
    input_shape: Shape
    epochs: int
    quantization_epochs: int
    batch: int
    rate: float
    quantization_rate: float
    weight_decay: float
    temperature: float
    soft_weight: float
    teacher_weight: float
    mirrored: bool
    shift: int
    latency_runs: int
    epoch_examples: int = 0
    max_minutes: float | None = None

    @classmethod
    def derive(
        cls,
        spec: Spec,
        teacher_parameters: int,
        teacher_input: Shape,
        examples: int,
    ) -> "Recipe":
        """The recipe for a job, without augmentation.

        ``teacher_input`` is the teacher's (height, width, channels), ``examples`` the number of
        training images.
        """
        pruned = spec["family"] == "pruned"
        input_shape = student_input(spec["family"], teacher_input)
        epochs = _epochs(spec["effort"], examples)
        return cls(
            effort=spec["effort"],
            seed=spec["seed"],
            family=AUTO if spec["family"] == "auto" else spec["family"],
            teacher_training=spec["teacher_training"],
            students=(),
            parameters=_parameters(teacher_parameters, pruned),
            teacher_parameters=teacher_parameters,
            quantizations=tuple(spec["quantizations"]),
            sparsity=spec["sparsity"],
            keep_grey=spec["keep_grey"],
            input_shape=input_shape,
            epochs=epochs,
            # "what quantization costs on few images": neither more epochs nor another rate helps.
            quantization_epochs=max(1, round(epochs / 10)),
            quantization_rate=1e-3,
            batch=_batch(examples, input_shape),
            # "how to train three students in few epochs". Students that start with the teacher's
            # weights need smaller steps; that rate was not compared with others.
            rate=2e-2 if pruned else 1e-1,
            # "weight decay and shifts on CIFAR-10"
            weight_decay=5e-3,
            # Not compared with other values.
            temperature=4.0,
            soft_weight=0.9,
            teacher_weight=0.05,
            mirrored=False,
            shift=0,
            latency_runs=200,
            max_minutes=spec["max_minutes"],
        )

    def with_augmentation(self, tolerated: Augmentation) -> "Recipe":
        """The same recipe with the changes of an image that the teacher tolerates."""
        # "weight decay and shifts on CIFAR-10": further than the teacher tolerates costs most.
        shift = round(tolerated.shift * max(self.input_shape[:2]))
        return replace(self, mirrored=tolerated.mirrored, shift=shift)

    @classmethod
    def tiny(cls, input_shape: Shape = (16, 16, 3), seed: int = 0) -> "Recipe":
        """A recipe with which the whole pipeline runs in seconds, for tests."""
        return cls(
            effort="draft",
            seed=seed,
            family="resnet",
            teacher_training="fixed",
            students=(("large", 6, 3), ("medium", 4, 3), ("small", 2, 3)),
            parameters=0,
            teacher_parameters=1_000_000,
            quantizations=("int8",),
            sparsity=0.0,
            keep_grey=False,
            input_shape=input_shape,
            epochs=2,
            quantization_epochs=1,
            batch=32,
            rate=3e-2,
            quantization_rate=1e-3,
            weight_decay=5e-3,
            temperature=4.0,
            soft_weight=0.9,
            teacher_weight=0.05,
            mirrored=False,
            shift=2,
            latency_runs=5,
        )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Recipe":
        """The inverse of ``to_json``."""
        return cls(**{name: _with_tuples(value) for name, value in fields.items()})

    def to_json(self) -> Json:
        """Every field as JSON has it: lists in place of tuples."""
        return dict(json.loads(json.dumps(asdict(self))))

    @property
    def phases(self) -> tuple[Phase, Phase]:
        """The float training, then the quantization-aware training."""
        return (
            Phase("train", self.epochs, self.rate, self.seed),
            Phase("quantize", self.quantization_epochs, self.quantization_rate, self.seed + 1),
        )

    @property
    def weight_bits(self) -> int:
        """Of weights in quantization-aware training, which all files share: 4 if any is int4."""
        return 4 if "int4" in self.quantizations else 8

    def row_name(self, student: str, quantization: str) -> str:
        """The name of a file's row: the plain name of the student for the first quantization."""
        if quantization == self.quantizations[0]:
            return student
        return f"{student}-{quantization}"


def student_input(family: str, teacher_input: Shape) -> Shape:
    """The students' (height, width, channels): the teacher's, at most 128 pixels a side.

    Students that are made of the teacher (``pruned``) take what it takes.
    """
    if family == "pruned":
        return teacher_input
    height, width, channels = teacher_input
    scale = min(1.0, MAX_INPUT_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale)), channels


def _parameters(teacher_parameters: int, pruned: bool) -> int:
    wanted = max(1, teacher_parameters) * TEACHER_SHARE
    if not pruned:
        wanted = min(wanted, MAX_PARAMETERS)
    return math.ceil(wanted)


def _batch(examples: int, input_shape: Shape) -> int:
    """Few examples need small batches: "how to train three students in few epochs"."""
    batch = 128
    if examples < 20_000:
        batch = 64
    if examples < 4_000:
        batch = 32
    return min(batch, max(8, MAX_BATCH_PIXELS // math.prod(input_shape[:2])))


def _epochs(effort: str, examples: int) -> int:
    least, most = EPOCH_BOUNDS[effort]
    return min(most, max(least, round(EXAMPLES_SEEN[effort] / examples)))


def most_epochs(examples: int) -> int:
    """Those of effort ``thorough``, which a deadline may allow."""
    return _epochs("thorough", examples)


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
