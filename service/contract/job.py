"""A job as service, workers and clients know it: its spec, its states, names that both ends use.

This module alone judges a spec and holds its defaults: the engine gets every field filled in.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

DEFAULT_PRIORITY = 5

Pixels = Annotated[int, Field(ge=1, le=4096)]
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
LicenseText = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTABLE)]
ClassName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]


class JobKind(StrEnum):
    """What the child process does: compress a model, or inspect an upload before it is used."""

    COMPRESSION = "compression"
    MODEL_INSPECTION = "model_inspection"
    DATASET_INSPECTION = "dataset_inspection"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    # Back to queued: the worker was lost or stopped, and another goes on from the checkpoint.
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
FINISHED = frozenset(state for state, targets in MOVES.items() if not targets)


def states_before(target: JobState) -> list[JobState]:
    """The states from which ``target`` may be reached: the WHERE of a compare-and-set."""
    return [state for state, targets in MOVES.items() if target in targets]


class InspectionState(StrEnum):
    """Of an uploaded model or dataset, which can be used only once a worker has inspected it."""

    VALIDATING = "validating"
    READY = "ready"
    REJECTED = "rejected"


Effort = Literal["draft", "standard", "thorough"]
InputScaling = Literal[
    "raw",
    "unit",
    "symmetric",
    "standardized",
    "per_image",
    "imagenet",
    "caffe",
    "raw_bgr",
    "unit_bgr",
    "symmetric_bgr",
    "standardized_bgr",
    "per_image_bgr",
    "imagenet_bgr",
    "caffe_rgb",
    "raw_inverted",
    "unit_inverted",
    "symmetric_inverted",
    "standardized_inverted",
    "per_image_inverted",
]
TeacherOutput = Literal["logits", "softmax", "sigmoid"]
StudentFamily = Literal["resnet", "mobilenet", "nasnet", "pruned"]
Family = Literal["auto", StudentFamily]
TeacherTraining = Literal["fixed", "joint"]
Quantization = Literal["int8", "int8_dynamic", "float16", "float32", "int4"]
TEACHER_ROWS = ("teacher", "teacher-int8")
"""Names of rows in every report, which no variant may have."""


class BudgetLimits(BaseModel):
    """What each file of a variant has to keep; at least one limit is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int | None = Field(None, ge=1, le=2**53, description="Of each .tflite file.")
    max_macs: int | None = Field(None, ge=1, le=2**53, description="MACs of one image.")
    max_latency_ms: float | None = Field(
        None, gt=0, le=1e6, description="Median for one image, one thread, on the worker's CPU."
    )
    min_top1: float | None = Field(
        None, gt=0, le=1, description="Share of the test images whose class must come first."
    )
    min_top3: float | None = Field(
        None, gt=0, le=1, description="Share of the test images whose class must be in the top 3."
    )
    min_top5: float | None = Field(
        None, gt=0, le=1, description="Share of the test images whose class must be in the top 5."
    )


BUDGETS = tuple(BudgetLimits.model_fields)


class VariantBudget(BudgetLimits):
    """One student: the largest within each ``max_``, or the smallest that reaches each ``min_``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "small", "max_bytes": 98_304, "min_top1": 0.88}]},
    )

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,31}$",
        description="Of the files: a lower-case letter, then at most 31 of a-z, 0-9, _ and -.",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if all(getattr(self, budget) is None for budget in BUDGETS):
            raise ValueError(
                f"{self.name} has no budget: give at least one of {', '.join(BUDGETS)}"
            )
        return self


class JobSpec(BaseModel):
    """What the user asks for; ``effort`` is the main setting.

    What is left out is derived, and shown in the report.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"effort": "standard"},
                {
                    "effort": "draft",
                    "seed": 7,
                    "family": "mobilenet",
                    "sparsity": 0.5,
                    "quantizations": ["int8", "float16"],
                    "variants": [
                        {"name": "small", "max_bytes": 98_304},
                        {"name": "good", "min_top1": 0.9},
                    ],
                },
            ]
        },
    )

    effort: Effort = Field("standard", description="How long to train.")
    max_minutes: float | None = Field(
        None,
        ge=0.5,
        le=7 * 24 * 60,
        description="In which the job is finished, from its start on. Takes the place of effort.",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of the split, the weights and the batches."
    )
    input_scaling: InputScaling | None = Field(
        None,
        description="How the teacher's input is scaled: raw 0..255, unit x/255, symmetric "
        "x/127.5-1, standardized with the data's mean/std, per_image with its own mean/std, "
        "imagenet mean/std, caffe BGR means; _bgr: channels in reverse order; _inverted: of 255-x. "
        "Detected when left out.",
    )
    input_size: tuple[Pixels, Pixels] | None = Field(
        None,
        description="Height and width that a teacher of any size is given. When left out: the size "
        "of most images, else 224 x 224.",
    )
    teacher_output: TeacherOutput | None = Field(
        None, description="What the teacher returns. Detected when left out."
    )
    class_names: tuple[ClassName, ...] | None = Field(
        None,
        min_length=2,
        max_length=10_000,
        description="Folder names in the order of the teacher's outputs; sorted folder names when "
        "left out.",
    )
    family: Family = Field(
        "auto",
        description="What students are built of; pruned: the teacher's own layers, with channels "
        "removed.",
    )
    teacher_training: TeacherTraining = Field(
        "fixed", description="joint: the teacher is trained along with its students."
    )
    sparsity: float = Field(
        0.0,
        ge=0,
        le=0.95,
        description="Share of weights that magnitude pruning sets to zero: the file compresses "
        "better, but is not faster.",
    )
    keep_grey: bool = Field(
        False,
        description="Files of a grey teacher take one channel. When left out they take RGB and "
        "average it, because MediaPipe and the Task Library open no others.",
    )
    license: LicenseText | None = Field(
        None, description="License of the files, written into their metadata and the report."
    )
    quantizations: tuple[Quantization, ...] = Field(
        ("int8",),
        max_length=5,
        description="The files made of each student; the first one has the student's plain name.",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    variants: tuple[VariantBudget, ...] | None = Field(
        None,
        max_length=8,
        description="The students to make; three sizes when left out.",
        json_schema_extra={"minItems": 1},
    )

    # Not min_length: where an item is wrong, pydantic would also say that there is none.
    @field_validator("quantizations", "variants")
    @classmethod
    def _at_least_one(cls, items: tuple[object, ...] | None) -> tuple[object, ...] | None:
        if items is not None and not items:
            raise ValueError("give at least one, or leave this out")
        return items

    @field_validator("class_names", "quantizations")
    @classmethod
    def _each_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if repeated := _first_repeated(names or ()):
            raise ValueError(f"{repeated!r} is listed twice")
        return names

    @field_validator("variants")
    @classmethod
    def _rows_have_different_names(
        cls, variants: tuple[VariantBudget, ...] | None, info: ValidationInfo
    ) -> tuple[VariantBudget, ...] | None:
        names = list(TEACHER_ROWS)
        for variant in variants or ():
            names.append(variant.name)
            for quantization in info.data.get("quantizations", ())[1:]:
                names.append(f"{variant.name}-{quantization}")
        if repeated := _first_repeated(names):
            raise ValueError(
                f"two rows of the report would be called {repeated!r}: give the variants other "
                "names"
            )
        return variants


def _first_repeated(names: Sequence[str]) -> str | None:
    """The first name, in order of the alphabet, that is listed more than once."""
    for name, following in pairwise(sorted(names)):
        if name == following:
            return name
    return None


class JobError(BaseModel):
    """Why a job failed or an upload was rejected; the codes are listed in docs/api.md."""

    code: str
    message: str
    hint: str = Field(description="What to do next.")
