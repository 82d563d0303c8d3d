"""The recipe of one compression: derived in one function from what was asked, the teacher and the data."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workers.compression.values import Augmentation

LARGEST_INPUT = 128
LARGEST_STUDENT = 400_000
TEACHER_SHARE = 0.25
IMAGE_VIEWS = {"draft": 120_000, "standard": 1_000_000, "thorough": 5_000_000}
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

    ``widths`` are the students' first-stage channels, largest first; rates are peak learning rates of cosine schedules
    with warm-up; ``temperature`` and ``soft_weight`` weigh the distillation loss (Hinton et al. 2015, section 2);
    ``shift`` is the largest random translation in pixels.
    """

    effort: str
    seed: int
    names: tuple[str, ...]
    widths: tuple[int, ...]
    depth: int
    input_shape: tuple[int, int, int]
    epochs: int
    quantization_epochs: int
    batch: int
    rate: float
    quantization_rate: float
    weight_decay: float
    temperature: float
    soft_weight: float
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

        ``input_shape`` is the teacher's (height, width, channels), ``images`` the number of training images. The large
        student gets about a quarter of the teacher's parameters, at most 400,000; medium and small have two thirds and
        one third of its channels. What the teacher tolerates decides how far images are shifted and whether mirrored.
        """
        effort = spec.get("effort", "standard")
        epochs = _epochs(effort, images)
        depth = 2
        third = third_of_width(min(teacher_parameters * TEACHER_SHARE, LARGEST_STUDENT), depth)
        return cls(
            effort=effort,
            seed=int(spec.get("seed", 0)),
            names=("large", "medium", "small"),
            widths=(3 * third, 2 * third, third),
            depth=depth,
            input_shape=student_input(input_shape),
            epochs=epochs,
            quantization_epochs=max(1, round(epochs / 10)),
            batch=32 if images < 4_000 else 64 if images < 20_000 else 128,
            rate=1e-2,
            quantization_rate=5e-4,
            weight_decay=1e-3,
            temperature=4.0,
            soft_weight=0.9,
            mirrored=augmentation.mirrored,
            shift=round(augmentation.shift * max(student_input(input_shape)[:2])),
            latency_runs=200,
        )

    @classmethod
    def tiny(cls, input_shape: tuple[int, int, int] = (16, 16, 3), seed: int = 0) -> "Recipe":
        """The whole pipeline in seconds: for tests."""
        return cls(
            effort="draft",
            seed=seed,
            names=("large", "medium", "small"),
            widths=(6, 4, 2),
            depth=1,
            input_shape=input_shape,
            epochs=2,
            quantization_epochs=1,
            batch=32,
            rate=3e-3,
            quantization_rate=3e-4,
            weight_decay=1e-3,
            temperature=4.0,
            soft_weight=0.9,
            mirrored=False,
            shift=2,
            latency_runs=5,
        )

    @property
    def phases(self) -> tuple[Phase, Phase]:
        """Float training, then quantization-aware training."""
        return (
            Phase("train", self.epochs, self.rate, self.seed),
            Phase("quantize", self.quantization_epochs, self.quantization_rate, self.seed + 1),
        )

    def row(self) -> dict[str, Any]:
        """As it stands in report.json: tuples are lists there."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def student_input(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The students' (height, width, channels): the teacher's, its longer side at most 128 pixels."""
    height, width, channels = shape
    scale = min(1.0, LARGEST_INPUT / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale)), channels


def third_of_width(parameters: float, depth: int) -> int:
    """A third of the first stage's channels w so that a three-stage residual network has about ``parameters`` weights.

    A stage of c channels holds 2 * depth kernels of 9 c^2, and the channels double twice: 18 (1 + 4 + 16) depth w^2,
    less what the first kernel of the second and third stage saves, plus two 1x1 shortcuts.
    """
    per_square = 378 * depth - 90 + 10
    return max(3, round(math.sqrt(parameters / per_square) / 3))


def _epochs(effort: str, images: int) -> int:
    least, most = EPOCH_BOUNDS[effort]
    return min(most, max(least, round(IMAGE_VIEWS[effort] / images)))
