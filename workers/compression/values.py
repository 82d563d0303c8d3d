"""What flows from one stage to the next: frozen values, no behaviour that belongs to a stage."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

SPLITS = ("train", "val", "test")
SAMPLE, LEAST_SAMPLE, SAMPLE_BYTES = 2_000, 100, 512 * 1024**2
INPUT_MEAN, INPUT_STD = 128.0, 127.5
"""Pixels 0..255 as students see them: (x - 128) / 127.5, which uint8 holds exactly with zero point
128.
"""

LEAST_REACH = 1e-3
"""Of a filter's largest weight, as a share of the layer's: a bias has no place beside a scale of
next to nothing.
"""


class Report(Protocol):
    """How a stage says how far it is: its name, its own fraction 0..1, and what else is worth
    telling.
    """

    def __call__(self, stage: str, fraction: float, **details: Any) -> None: ...


@dataclass(frozen=True)
class Teacher:
    """A loaded teacher: a frozen TensorFlow graph and its float32 .tflite, whatever file it came
    from.

    ``input_shape`` is (height, width, channels); ``predict`` takes float32 images (N, height,
    width, channels), already scaled, and returns raw outputs (N, outputs); ``frozen`` is the folder
    of the graph.
    """

    format: str
    loader: str
    input_shape: tuple[int, int, int]
    outputs: int
    parameters: int
    bytes: int
    tflite: Path | None
    frozen: Path
    predict: Callable[[np.ndarray], np.ndarray]
    description: dict[str, Any]


@dataclass(frozen=True)
class InputContract:
    """How images must be scaled for the teacher and how its outputs read, with the accuracy of each
    way tried.
    """

    scaling: str
    output: str
    accuracies: dict[str, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stated: bool


@dataclass(frozen=True)
class Split:
    """Images uint8 (N, height, width, channels) and labels int32 (N,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def few(self) -> int:
        """As many images as tell something of all: 2,000, or what half a GiB holds, but 100."""
        return min(SAMPLE, max(LEAST_SAMPLE, SAMPLE_BYTES // int(self.images[0].nbytes)))

    def spread(self, count: int) -> "Split":
        """At most ``count`` images, spread evenly over the split, whose images may be sorted by
        class.
        """
        rows = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return Split(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits; no image of ``test`` or ``val`` equals one of ``train``, pixel for
    pixel.
    """

    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    description: dict[str, Any]


@dataclass(frozen=True)
class Augmentation:
    """Which changes of an image keep its class: mirroring, and shifts up to this share of its
    longer side.
    """

    mirrored: bool
    shift: float


@dataclass(frozen=True)
class TeacherOutputs:
    """The fixed teacher's logits over the training images: float32 (views, N, classes).

    View 0 is the image, view 1 (when there) its mirror image.
    """

    logits: np.ndarray

    @property
    def mirrored(self) -> bool:
        return len(self.logits) > 1


@dataclass(frozen=True)
class StudentPlan:
    """One student: its family, its width and its depth in blocks; ``input_shape`` is (height,
    width, channels).

    ``variant`` is what it was asked for as, with the ``budget`` that it is to keep; several
    students may stand for one. ``width`` is the channels of the first stage; in family ``teacher``,
    whose ``graph`` is the teacher's, it is the percentage of each group's channels that is kept.
    """

    name: str
    variant: str
    family: str
    width: int
    depth: int
    input_shape: tuple[int, int, int]
    classes: int
    budget: Mapping[str, float] | None = field(default=None, compare=False)
    graph: Any = field(default=None, repr=False, compare=False)

    def channels(self, full: int) -> int:
        """Of ``full`` channels of the teacher, how many this student keeps."""
        return max(1, round(full * self.width / 100))

    def file(self, quantization: str) -> str:
        """The decodable name of the file: variant, family, width, depth, input, quantization."""
        height, width, channels = self.input_shape
        size = f"{height}x{width}x{channels}"
        return (
            f"{self.variant}-{self.family}-w{self.width}-d{self.depth}-{size}-{quantization}.tflite"
        )


@dataclass(frozen=True)
class Unit:
    """A convolution, batch normalization unless ``norm`` is off, and an activation (``relu``,
    ``relu6`` or None).

    A ``depthwise`` one has a filter per channel, ``filters`` in all; ``size`` is (height, width).
    """

    name: str
    filters: int
    size: tuple[int, int] = (3, 3)
    stride: int = 1
    activation: str | None = "relu"
    norm: bool = True
    padding: str = "same"
    depthwise: bool = False

    def kernel(self, inputs: int) -> tuple[int, int, int, int]:
        """The kernel's shape for so many input channels: (height, width, inputs, filters), or (..,
        inputs, 1).
        """
        return (*self.size, inputs, 1 if self.depthwise else self.filters)


@dataclass(frozen=True)
class Size:
    """What a student's files cost at most; ``latency_ms`` is None where nobody asked."""

    bytes: int
    macs: int
    latency_ms: float | None


@dataclass(frozen=True)
class Folded:
    """One convolution ready for export: batch normalization folded in, ranges of its quantizers.

    ``kernel`` is (height, width, in, out), ``bias`` (out,), ``low``/``high`` the range of the
    output.
    """

    kernel: np.ndarray
    bias: np.ndarray
    low: float
    high: float


@dataclass(frozen=True)
class Student:
    """A trained student: its plan, its folded convolutions by name and the ranges of its other
    tensors by name.
    """

    plan: StudentPlan
    convolutions: dict[str, Folded]
    ranges: dict[str, tuple[float, float]]
    float32_top1: float


@dataclass(frozen=True)
class Artifact:
    """One exported file; ``plan`` is None for the teacher's own, ``float32_top1`` the trained
    network's before it.
    """

    plan: StudentPlan | None
    quantization: str
    path: Path
    parameters: int
    float32_top1: float | None


@dataclass(frozen=True)
class Scorecard:
    """Measured on the .tflite itself, on ``images`` images. Bytes, counts, milliseconds; accuracies
    are shares of 1.
    """

    images: int
    top1: float
    top5: float
    agreement: float
    per_class: dict[str, float]
    bytes: int
    gzip_bytes: int
    macs: int | None
    peak_tensor_bytes: int | None
    latency_ms: dict[str, Any] | None

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Chosen:
    """A file that is delivered; ``kept`` tells whether it keeps its budget, None where none was
    asked for.
    """

    artifact: Artifact
    card: Scorecard
    kept: bool | None


@dataclass(frozen=True)
class Checkpoint:
    """Which phase, how many of its epochs are done, in how many seconds of training in all.

    ``recipe`` is the row of the one that the training began with, ``students`` has each one's width
    and depth, ``float32_top1`` the float students', once known; ``values`` are the variables.
    """

    recipe: dict[str, Any]
    students: dict[str, tuple[int, int]]
    phase: str
    epochs: int
    seconds: float
    float32_top1: dict[str, float]
    values: dict[str, np.ndarray]
