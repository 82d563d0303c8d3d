"""The recipe of one compression: derived in one function from what was asked, the teacher and the
data.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workers.compression.values import Augmentation

LARGEST_INPUT = 128
BATCH_PIXELS = 128 * LARGEST_INPUT**2
LARGEST_STUDENT = 300_000
TEACHER_SHARE = 0.6
LARGEST_MAP_OF_RESNET = 64
IMAGE_VIEWS = {"draft": 120_000, "standard": 3_000_000, "thorough": 5_000_000}
EPOCH_BOUNDS = {"draft": (3, 30), "standard": (10, 90), "thorough": (30, 300)}


@dataclass(frozen=True)
class Phase:
    """One ``fit``: its epochs, its peak learning rate and the seed of its batches."""

    name: str
    epochs: int
    rate: float
    seed: int


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training, visible in report.json.

    ``students`` are (name, width, depth) where they are given outright; else they are planned:
    ``parameters`` is what the largest should have, ``teacher_parameters`` what none may exceed.
    Rates are peak learning rates of cosine schedules with warm-up; ``weight_decay`` is decoupled
    (Loshchilov & Hutter 2019): with momentum .9 it does a tenth of what an L2 term of that factor
    would; ``temperature`` and ``soft_weight`` weigh the distillation loss (Hinton et al. 2015,
    section 2), ``teacher_weight`` that of a teacher trained along; ``shift`` is the largest
    translation, in pixels; ``sparsity`` the share of weights that magnitude pruning sets to zero.
    """

    effort: str
    seed: int
    family: str
    teacher: str
    students: tuple[tuple[str, int, int], ...]
    parameters: int
    teacher_parameters: int
    quantizations: tuple[str, ...]
    sparsity: float
    input_shape: tuple[int, int, int]
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

    @classmethod
    def derive(
        cls,
        spec: Mapping[str, Any],
        teacher_parameters: int,
        input_shape: tuple[int, int, int],
        images: int,
        augmentation: Augmentation,
    ) -> "Recipe":
        """The recipe for a job's ``spec``.

        ``input_shape`` is the teacher's (height, width, channels), ``images`` the number of
        training images. The large student gets six tenths of the teacher's parameters, at most
        300,000 unless it is made of the teacher itself. What the teacher tolerates decides how far
        images are shifted and whether mirrored.
        """
        effort, family = spec.get("effort", "standard"), spec.get("family", "auto")
        seen = input_shape if family == "teacher" else student_input(input_shape)
        if family == "auto":
            family = "resnet" if max(seen[:2]) <= LARGEST_MAP_OF_RESNET else "mobilenet"
        transferred = family == "teacher"
        batch = 32 if images < 4_000 else 64 if images < 20_000 else 128
        epochs = _epochs(effort, images)
        parameters = max(1, teacher_parameters) * TEACHER_SHARE
        return cls(
            effort=effort,
            seed=int(spec.get("seed", 0)),
            family=family,
            teacher=spec.get("teacher", "fixed"),
            students=(),
            teacher_parameters=teacher_parameters,
            parameters=math.ceil(parameters if transferred else min(parameters, LARGEST_STUDENT)),
            quantizations=tuple(spec.get("quantizations", ("int8",))),
            sparsity=spec.get("sparsity", 0.0),
            input_shape=seen,
            epochs=epochs,
            quantization_epochs=max(1, round(epochs / 10)),
            batch=min(batch, max(8, BATCH_PIXELS // math.prod(seen[:2]))),
            rate=2e-2 if transferred else 1e-1,
            quantization_rate=1e-3,
            weight_decay=5e-3,
            temperature=4.0,
            soft_weight=0.9,
            teacher_weight=0.05,
            mirrored=augmentation.mirrored,
            shift=round(augmentation.shift * max(seen[:2])),
            latency_runs=200,
        )

    @classmethod
    def tiny(cls, input_shape: tuple[int, int, int] = (16, 16, 3), seed: int = 0) -> "Recipe":
        """The whole pipeline in seconds: for tests."""
        return cls(
            effort="draft",
            seed=seed,
            family="resnet",
            teacher="fixed",
            students=(("large", 6, 3), ("medium", 4, 3), ("small", 2, 3)),
            parameters=0,
            teacher_parameters=1_000_000,
            quantizations=("int8",),
            sparsity=0.0,
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
    def of(cls, row: Mapping[str, Any]) -> "Recipe":
        """The inverse of ``row``."""
        return cls(**{name: _tupled(value) for name, value in row.items()})

    @property
    def phases(self) -> tuple[Phase, Phase]:
        """Float training, then quantization-aware training."""
        return (
            Phase("train", self.epochs, self.rate, self.seed),
            Phase("quantize", self.quantization_epochs, self.quantization_rate, self.seed + 1),
        )

    @property
    def weight_bits(self) -> int:
        """Of the weights in quantization-aware training, which is one for all files: 4 where any
        has so few.
        """
        return 4 if "int4" in self.quantizations else 8

    def row(self) -> dict[str, Any]:
        """As it stands in report.json: tuples are lists there."""
        return dict(json.loads(json.dumps(asdict(self))))


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def student_input(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The students' (height, width, channels): the teacher's, its longer side at most 128 pixels."""
    height, width, channels = shape
    scale = min(1.0, LARGEST_INPUT / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale)), channels


def _epochs(effort: str, images: int) -> int:
    least, most = EPOCH_BOUNDS[effort]
    return min(most, max(least, round(IMAGE_VIEWS[effort] / images)))
