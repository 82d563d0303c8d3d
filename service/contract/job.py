"""A job as both ends know it: what is asked for, which states it goes through, and the names on the
wire.
"""

from enum import StrEnum
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

QUEUE = "l2c.jobs"
RUN_JOB = "l2c.run_job"

ClassName = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class JobKind(StrEnum):
    """What the child does: compress a model, or look at an upload before anything trusts it."""

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
    """Of an uploaded model or dataset: usable only once a worker has inspected it."""

    VALIDATING = "validating"
    READY = "ready"
    REJECTED = "rejected"


InputScaling = Literal["raw", "unit", "symmetric", "imagenet", "caffe", "standardized"]
TeacherOutput = Literal["logits", "softmax", "sigmoid"]
Family = Literal["auto", "resnet", "mobilenet", "nasnet", "teacher"]
TeacherTraining = Literal["fixed", "joint"]
Quantization = Literal["int8", "int8_dynamic", "float16", "float32", "int4"]
TEACHER_ROWS = ("teacher", "teacher-int8")
BUDGETS = ("max_bytes", "max_macs", "max_latency_ms", "min_top1")


class VariantBudget(BaseModel):
    """One student: the largest whose files all keep every ``max_``, or the smallest that reaches
    ``min_top1``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"name": "small", "max_bytes": 98_304, "min_top1": 0.88}]},
    )

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,31}$",
        description="Of the files: a lower-case letter, then at most 31 of a-z, 0-9, _ and -.",
    )
    max_bytes: int | None = Field(None, ge=1, le=2**53, description="Of each .tflite file.")
    max_macs: int | None = Field(
        None, ge=1, le=2**53, description="Multiply-accumulates for one image."
    )
    max_latency_ms: float | None = Field(
        None, gt=0, le=1e6, description="Median for one image, one thread, on the worker's CPU."
    )
    min_top1: float | None = Field(
        None, gt=0, le=1, description="Share of the test images that must be right."
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if all(getattr(self, budget) is None for budget in BUDGETS):
            raise ValueError(
                f"{self.name} has no budget: give at least one of {', '.join(BUDGETS)}"
            )
        return self


class JobSpec(BaseModel):
    """What the user asks for. ``effort`` is the one dial; what is left out is found out and stands
    in the report.
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

    effort: Literal["draft", "standard", "thorough"] = Field(
        "standard", description="How long to train."
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of the split, the weights and the batches."
    )
    input_scaling: InputScaling | None = Field(
        None,
        description="What the teacher expects: raw 0..255, unit x/255, symmetric x/127.5-1, imagenet mean/std, caffe "
        "BGR means, standardized with the data's mean/std. Found by trying when left out.",
    )
    teacher_output: TeacherOutput | None = Field(
        None, description="What the teacher returns. Found from its values when left out."
    )
    class_names: tuple[ClassName, ...] | None = Field(
        None,
        min_length=2,
        max_length=10_000,
        description="Folder names in the order of the teacher's outputs; sorted folder names when left out.",
    )
    family: Family = Field(
        "auto",
        description="What students are built of; teacher: its own layers, with channels removed.",
    )
    teacher: TeacherTraining = Field(
        "fixed", description="joint: the teacher is trained along with its students."
    )
    sparsity: float = Field(
        0.0, ge=0, le=0.95, description="Share of weights that magnitude pruning sets to zero."
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
        description="What to make; three students over the useful range when left out.",
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
        if twice := _repeated(names or ()):
            raise ValueError(f"{twice} stands twice")
        return names

    @field_validator("variants")
    @classmethod
    def _each_file_has_its_own_name(
        cls, variants: tuple[VariantBudget, ...] | None, info: ValidationInfo
    ) -> tuple[VariantBudget, ...] | None:
        suffixes = (
            "",
            *(f"-{quantization}" for quantization in info.data.get("quantizations", ())[1:]),
        )
        names = (variant.name + suffix for variant in variants or () for suffix in suffixes)
        if twice := _repeated((*TEACHER_ROWS, *names)):
            raise ValueError(
                f"two rows of the report would be called {twice}: give the variants other names"
            )
        return variants


def _repeated(names: tuple[str, ...]) -> str | None:
    """The first name in the alphabet that stands more than once."""
    ordered = sorted(names)
    return next((name for place, name in enumerate(ordered[1:]) if name == ordered[place]), None)


class ProgressEvent(BaseModel):
    """One line of a job's event stream, as the child prints it and as the SSE stream relays it."""

    model_config = ConfigDict(extra="ignore")

    stage: str = Field(max_length=40)
    progress: float = Field(ge=0, le=1, description="Of the whole job.")
    eta_seconds: float | None = Field(None, ge=0)
    epoch: int | None = Field(None, ge=0)
    epochs: int | None = Field(None, ge=0)
    metrics: dict[str, float] = Field(
        default_factory=dict, description="E.g. top-1 per student after an epoch."
    )
    message: str = Field("", max_length=500)


class JobError(BaseModel):
    """Why a job failed or an upload was rejected; the codes are listed in docs/api.md."""

    code: str
    message: str
    hint: str = ""
