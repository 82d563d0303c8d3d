"""A job as both ends know it: what is asked for, which states it goes through, and the names on the wire."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

QUEUE = "l2c.jobs"
RUN_JOB = "l2c.run_job"

ClassName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


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
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
FINISHED = frozenset(state for state, targets in MOVES.items() if not targets)


def sources(target: JobState) -> list[JobState]:
    """The states from which ``target`` may be reached: the WHERE of a compare-and-set."""
    return [state for state, targets in MOVES.items() if target in targets]


class ReviewState(StrEnum):
    """Of an uploaded model or dataset: usable only once a worker has inspected it."""

    VALIDATING = "validating"
    READY = "ready"
    REJECTED = "rejected"


InputScaling = Literal["raw", "unit", "symmetric", "imagenet", "caffe", "standardized"]
TeacherOutput = Literal["logits", "softmax", "sigmoid"]


class JobSpec(BaseModel):
    """What the user asks for. ``effort`` is the one dial; what is left out is found out and stands in the report."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"effort": "standard"}, {"effort": "draft", "seed": 7}]},
    )

    effort: Literal["draft", "standard", "thorough"] = Field("standard", description="How long to train.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the split, the weights and the batches.")
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

    @field_validator("class_names")
    @classmethod
    def _each_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("a name stands twice")
        return names


class ProgressEvent(BaseModel):
    """One line of a job's event stream, as the child prints it and as the SSE stream relays it."""

    model_config = ConfigDict(extra="ignore")

    stage: str = Field(max_length=40)
    progress: float = Field(ge=0, le=1, description="Of the whole job.")
    eta_seconds: float | None = Field(None, ge=0)
    epoch: int | None = Field(None, ge=0)
    epochs: int | None = Field(None, ge=0)
    metrics: dict[str, float] = Field(default_factory=dict, description="E.g. top-1 per student after an epoch.")
    message: str = Field("", max_length=500)


class JobError(BaseModel):
    """Why a job failed or an upload was rejected; the codes are listed in docs/api.md."""

    code: str
    message: str
    hint: str = ""
