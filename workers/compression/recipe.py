"""The recipe of one compression: derived in one function from what was asked, the teacher and the data."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LARGEST_INPUT = 128
WIDTH_STEP = 4
IMAGE_VIEWS = {"draft": 100_000, "standard": 1_000_000, "thorough": 5_000_000}
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
    shift: int
    latency_runs: int

    @classmethod
    def derive(
        cls, spec: Mapping[str, Any], teacher_parameters: int, input_shape: tuple[int, int, int], images: int
    ) -> "Recipe":
        """The recipe for a job's ``spec``.

        ``input_shape`` is the teacher's (height, width, channels), ``images`` the number of training images. The large
        student gets about a fifth of the teacher's parameters, at most 400,000; medium and small are its nested halves.
        """
        effort = spec.get("effort", "standard")
        epochs = _epochs(effort, images)
        batch = 128 if images >= 4_000 else 32
        depth = 2
        width = first_stage_width(min(teacher_parameters / 5, 400_000), depth)
        shape = student_input(input_shape)
        return cls(
            effort=effort,
            seed=int(spec.get("seed", 0)),
            names=("large", "medium", "small"),
            widths=(width, width // 2, width // 4),
            depth=depth,
            input_shape=shape,
            epochs=epochs,
            quantization_epochs=max(1, round(epochs / 10)),
            batch=batch,
            rate=3e-3,
            quantization_rate=3e-4,
            weight_decay=1e-3,
            temperature=4.0,
            soft_weight=0.9,
            shift=max(shape[:2]) // 8,
            latency_runs=200,
        )

    @classmethod
    def tiny(cls, input_shape: tuple[int, int, int] = (16, 16, 3), seed: int = 0) -> "Recipe":
        """The whole pipeline in seconds: for tests."""
        return cls(
            effort="draft",
            seed=seed,
            names=("large", "medium", "small"),
            widths=(8, 4, 2),
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
        return asdict(self)


def student_input(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The students' (height, width, channels): the teacher's, its longer side at most 128 pixels."""
    height, width, channels = shape
    scale = min(1.0, LARGEST_INPUT / max(height, width))
    return round(height * scale), round(width * scale), channels


def first_stage_width(parameters: float, depth: int) -> int:
    """Channels of the first stage so that a three-stage residual network has about ``parameters`` weights.

    A stage of c channels holds 2 * depth kernels of 9 c^2; the channels double twice: 18 (1 + 4 + 16) depth w^2, less
    what the first kernel of the second and third stage saves, plus two 1x1 shortcuts.
    """
    per_square = 378 * depth - 90 + 10
    return max(2 * WIDTH_STEP, WIDTH_STEP * round(math.sqrt(parameters / per_square) / WIDTH_STEP))


def _epochs(effort: str, images: int) -> int:
    least, most = EPOCH_BOUNDS[effort]
    return min(most, max(least, round(IMAGE_VIEWS[effort] / images)))
