"""What goes over the wire about jobs, their variants and their events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from service.contract import examples
from service.contract.devices import Device
from service.contract.figures import VariantMetrics
from service.contract.job import DEFAULT_PRIORITY, JobError, JobSpec, JobState
from service.contract.progress import ProgressEvent
from service.contract.report import Baseline, ReportSummary
from service.contract.views import Id, Labels, Name, answer, request

Priority = Annotated[
    int, Field(ge=0, le=9, description="Among your own waiting jobs: 0 first, 9 last.")
]


DeviceOfJob = Annotated[
    Device, Field(description="The kind of worker that it needs; any: whichever is free first.")
]


class NewJob(BaseModel):
    model_config = request(examples.NEW_JOB)
    model_id: Id
    dataset_id: Id
    spec: JobSpec = Field(default_factory=JobSpec)
    name: Name | None = Field(default=None, description="The model's name when left out.")
    labels: Labels = Field(default_factory=dict, description="Free words to find it by.")
    priority: Priority = DEFAULT_PRIORITY
    device: DeviceOfJob = Device.ANY


class VariantView(BaseModel):
    model_config = answer(examples.VARIANT)
    id: str
    job_id: str
    name: str
    filename: str
    bytes: int
    sha256: str
    metrics: VariantMetrics
    created_at: datetime


class JobSummary(BaseModel):
    """A job, as in lists."""

    model_config = answer(examples.JOB)
    id: str
    name: str
    labels: Labels
    model_id: str | None = Field(description="Null once the model was deleted.")
    dataset_id: str | None = Field(description="Null once the dataset was deleted.")
    priority: int
    device: Device
    state: JobState
    stage: str
    progress: float = Field(description="0..1 of the whole job.")
    eta_seconds: float | None
    cancel_requested: bool
    attempts: int
    sandbox: str | None = Field(
        description="Of the last attempt: namespaces (all of it), landlock, partial or off."
    )
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobView(JobSummary):
    """A job with its results; each figure stands here once. GET /report has all of report.json."""

    model_config = answer({**examples.JOB, "spec": {"effort": "draft"}, "variants": []})
    spec: JobSpec
    baseline: Baseline | None = Field(description="The teacher's row; null until it succeeded.")
    report: ReportSummary | None = Field(
        description="The report without its rows; null until the job has succeeded."
    )
    variants: list[VariantView]


class ProgressData(ProgressEvent):
    attempt: int
    at: datetime


class StateData(BaseModel):
    state: JobState
    error: JobError | None = None
    attempt: int
    at: datetime


class ProgressEventView(BaseModel):
    """How far the job is."""

    model_config = ConfigDict(frozen=True)
    id: int
    type: Literal["progress"]
    data: ProgressData


class StateEventView(BaseModel):
    """The job's state changed."""

    model_config = ConfigDict(frozen=True)
    id: int
    type: Literal["state"]
    data: StateData


EventView = Annotated[ProgressEventView | StateEventView, Field(discriminator="type")]
EVENT: TypeAdapter[ProgressEventView | StateEventView] = TypeAdapter(EventView)
