"""Values that pass from one stage to the next: frozen dataclasses that know no stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

SPLITS = ("train", "val", "test")
SAMPLE_EXAMPLES, MIN_SAMPLE_EXAMPLES, SAMPLE_BYTES = 2_000, 100, 512 * 1024**2

Tensor = Any
"""A tensor of Keras or TensorFlow, symbolic or with values; the libraries have no common type."""
Json = dict[str, Any]
Spec = Mapping[str, Any]
"""A service.contract.job.JobSpec as plain data, with every field filled in."""
Shape = tuple[int, ...]
"""One example without the batch; of an image (height, width, channels)."""
Predict = Callable[[np.ndarray], np.ndarray]
InputMap = tuple[np.ndarray, np.ndarray]
"""A matrix m (channels, channels) and an offset b (channels,), for ``x @ m + b``."""


class ReportProgress(Protocol):
    """Tells the user how far a stage is: ``fraction`` of it is done; ``details`` are shown too."""

    def __call__(self, stage: str, fraction: float, **details: Any) -> None: ...


def report_nothing(stage: str, fraction: float, **details: Any) -> None:
    """A ReportProgress for callers that show none."""


@dataclass(frozen=True)
class Teacher:
    """A loaded teacher: a frozen TensorFlow graph, in the folder ``frozen``, and a float32 .tflite.

    ``predict`` takes float32 examples (N, *input_shape) that are scaled for the teacher and returns
    its raw outputs (N, outputs). ``tflite`` is None where the converter refused the graph.
    """

    format: str
    loader: str
    input_shape: Shape
    outputs: int
    parameters: int
    bytes: int
    tflite: Path | None
    frozen: Path
    predict: Predict
    description: Json


@dataclass(frozen=True)
class InputContract:
    """How examples are scaled for the teacher, and what its outputs are.

    ``classes`` are in the order of the outputs.
    ``accuracies`` holds the top-1 of every scaling that was tried. ``mean`` and ``std`` are those
    of the training data, one per channel. ``stated`` says whether the user chose the scaling.
    ``warnings`` are sentences for the report.
    """

    scaling: str
    output: str
    classes: tuple[str, ...]
    accuracies: dict[str, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stated: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownLogits:
    """Logits (n, classes) of the training examples in ``rows`` (n,)."""

    rows: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class PreparedTeacher:
    """A teacher that takes stored features, as the package of the task (``images/``) found out.

    seconds: that one example takes, of many together, on this machine.
    predict_logits: stored features (N, *input_shape) -> float32 logits (N, classes).
    input_map: from a student's input to the teacher's; None where the teacher's depends on all
        pixels of an image.
    known: the logits that are computed already, of training examples as they are.
    """

    loaded: Teacher
    contract: InputContract
    seconds: float
    predict_logits: Predict
    input_map: InputMap | None
    known: KnownLogits


@dataclass(frozen=True)
class Split:
    """Features (N, ...), of images uint8 (N, height, width, channels), and labels int32 (N,)."""

    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sample_size(self) -> int:
        """2,000 examples or 512 MiB of them, at least 100."""
        fitting = SAMPLE_BYTES // int(self.features[0].nbytes)
        return min(SAMPLE_EXAMPLES, max(MIN_SAMPLE_EXAMPLES, fitting))

    def sample(self, count: int) -> "Split":
        """At most ``count`` examples, evenly spaced, because a split may be sorted by class."""
        rows = self.sample_rows(count)
        return Split(self.features[rows], self.labels[rows])

    def sample_rows(self, count: int) -> np.ndarray:
        """The rows of ``sample``, in order."""
        return np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits: no example of ``train`` equals one of ``val`` or ``test``.

    ``description`` is the report's section "data", ``warnings`` are sentences for the report.
    """

    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    description: Json
    warnings: tuple[str, ...] = ()

    def reordered(self, classes: Sequence[str]) -> "Dataset":
        """The same data with its classes, and so its labels, in another order."""
        label_of = np.array([classes.index(name) for name in self.classes], np.int32)
        splits = {}
        for name in SPLITS:
            split = getattr(self, name)
            splits[name] = replace(split, labels=label_of[split.labels])
        description = self.description | {"classes": list(classes)}
        return replace(self, classes=tuple(classes), description=description, **splits)


@dataclass(frozen=True)
class Augmentation:
    """Changes of an image that keep its class; ``shift`` is a share of its longer side."""

    mirrored: bool
    shift: float


@dataclass(frozen=True)
class Preprocessing:
    """How a task's stored features become the input of its networks.

    Made by the package of the task, for images ``images/``.

    views: how many views of each example the teacher's logits are computed for; view 0 is the
        example as it is.
    make_view: (features (N, ...), number of the view) -> features of that view, the same shape.
    scale: float32 features -> the networks' input, arrays and tensors alike.
    augment: (scaled batch (B, ...), views (B,), seed generator) -> the batch to train on: each
        example in its view, changed at random by what does not change its class.
    resize: (scaled batch, shape of one example) -> the batch at that shape.
    """

    views: int
    make_view: Callable[[np.ndarray, int], np.ndarray]
    scale: Callable[[Tensor], Tensor]
    augment: Callable[[Tensor, Tensor, Any], Tensor]
    resize: Callable[[Tensor, Shape], Tensor]


@dataclass(frozen=True)
class TeacherLogits:
    """A fixed teacher's logits of the training examples, float32 (views, N, classes)."""

    logits: np.ndarray

    @property
    def views(self) -> int:
        return len(self.logits)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after ``epochs`` whole epochs of a phase.

    ``recipe`` is the recipe as JSON, ``students`` the (width, depth) of each student, ``seconds``
    the time of training so far, ``float32_top1`` the students' accuracies after the float phase.
    ``values`` holds every variable.
    """

    recipe: Json
    students: dict[str, tuple[int, int]]
    phase: str
    epochs: int
    seconds: float
    float32_top1: dict[str, float]
    values: dict[str, np.ndarray]
