"""Values of a student on its way from a plan to a measured file: frozen dataclasses."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from workers.compression.graph import Activation, Padding, TeacherGraph
from workers.compression.values import Json, Shape

Budget = Mapping[str, float]
"""The limits of a variant that are set: ``max_bytes``, ``min_top1``, ..."""

TEACHER = "teacher"
"""The name of the teacher's plan, and of a trained teacher's logits among the students'."""

MIN_FILTER_RANGE = 1e-3
"""Of a filter's quantization range, as a share of the widest in its kernel.

A bias is stored in steps of input scale times filter scale: next to a scale of almost zero it would
overflow.
"""


@dataclass(frozen=True)
class StudentPlan:
    """A student before its training.

    ``variant`` is the name that the user gave, ``budget`` its limits. A variant with a minimal
    accuracy has several plans, each with a ``name`` of its own.

    ``width`` is the number of channels of the first stage and ``depth`` the number of blocks. In
    family ``pruned`` the width is the percentage of the teacher's channels that stay, and ``graph``
    is the teacher's.
    """

    name: str
    variant: str
    family: str
    width: int
    depth: int
    input_shape: Shape
    classes: int
    budget: Budget | None = field(default=None, compare=False)
    graph: TeacherGraph | None = field(default=None, repr=False, compare=False)

    def channels(self, teacher_channels: int) -> int:
        """How many of the teacher's channels a student of family ``pruned`` keeps."""
        return max(1, round(teacher_channels * self.width / 100))


@dataclass(frozen=True)
class ConvSpec:
    """A convolution, batch normalization unless ``norm`` is off, and an activation.

    A ``depthwise`` convolution has one filter per channel. ``size`` is (height, width) in pixels.
    """

    name: str
    filters: int
    size: tuple[int, int] = (3, 3)
    stride: int = 1
    activation: Activation = "relu"
    norm: bool = True
    padding: Padding = "same"
    depthwise: bool = False

    def kernel_shape(self, inputs: int) -> tuple[int, int, int, int]:
        """(height, width, inputs, filters), or (height, width, inputs, 1) of a depthwise one."""
        if self.depthwise:
            return (*self.size, inputs, 1)
        return (*self.size, inputs, self.filters)


@dataclass(frozen=True)
class FileCosts:
    """The most that any file of a student costs; ``latency_ms`` is None where not measured."""

    bytes: int
    macs: int
    latency_ms: float | None


@dataclass(frozen=True)
class FoldedConvolution:
    """A convolution for export: kernel (height, width, in, out) and bias (out,), both float32.

    Batch normalization is folded into them. ``low`` and ``high`` are the range of the output.
    """

    kernel: np.ndarray
    bias: np.ndarray
    low: float
    high: float


@dataclass(frozen=True)
class Student:
    """A trained student as constants; ``ranges`` holds (low, high) of its other tensors by name."""

    plan: StudentPlan
    convolutions: dict[str, FoldedConvolution]
    ranges: dict[str, tuple[float, float]]
    float32_top1: float


@dataclass(frozen=True)
class Artifact:
    """A .tflite file. ``name`` is that of its row in the report.

    The quantized teacher has no ``plan`` and no ``float32_top1``, the top-1 before the export.
    """

    name: str
    plan: StudentPlan | None
    quantization: str
    path: Path
    parameters: int
    float32_top1: float | None


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one example on the processor ``cpu``: median and 90th percentile."""

    p50: float
    p90: float
    threads: int
    cpu: str


@dataclass(frozen=True)
class Interval:
    """Between which values the true one is with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A measured difference with its interval."""

    value: float


@dataclass(frozen=True)
class Scorecard:
    """The figures of one file, measured on ``images`` test examples; accuracies are in 0..1.

    ``agreement`` is the share of examples that get the teacher's class, ``top1_difference``
    is to the teacher on the same examples, None for the teacher itself. Of a teacher without a
    .tflite, MACs, memory and latency are None.
    """

    images: int
    top1: float
    top3: float
    top5: float
    agreement: float
    top1_interval: Interval
    top1_difference: Difference | None
    per_class: dict[str, float]
    bytes: int
    gzip_bytes: int
    macs: int | None
    peak_tensor_bytes: int | None
    latency_ms: Latency | None

    @property
    def p50(self) -> float | None:
        """The median latency in milliseconds."""
        return self.latency_ms.p50 if self.latency_ms else None

    def to_json(self) -> Json:
        """The scorecard as its part of a row in report.json."""
        return asdict(self)


@dataclass(frozen=True)
class Chosen:
    """A file to deliver; ``kept`` says whether it keeps its budget, None without a budget."""

    artifact: Artifact
    card: Scorecard
    kept: bool | None
