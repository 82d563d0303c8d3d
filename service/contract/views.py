"""What goes over the wire, for the API that writes it and the client that reads it."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.contract.job import InspectionState, JobError, JobSpec, JobState

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Item = TypeVar("Item")

MOMENT = "2026-11-20T10:00:00Z"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def example(**values: Any) -> ConfigDict:
    return ConfigDict(from_attributes=True, frozen=True, json_schema_extra={"examples": [values]})


class Page(BaseModel, Generic[Item]):
    model_config = ConfigDict(from_attributes=True, frozen=True)
    items: list[Item]
    next_cursor: str | None = Field(
        default=None, description="Send it as ``cursor`` to get the next page; null on the last."
    )


class NewUpload(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"filename": "resnet.keras", "size": 104857600, "sha256": HASH}]
        },
    )
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    size: int = Field(ge=1, le=2**53, description="Bytes.")
    sha256: Sha256 | None = Field(
        default=None, description="Of the whole file; checked on completion."
    )


class Completion(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"sha256": HASH}]}
    )
    sha256: Sha256 | None = Field(
        default=None, description="Of the whole file, when it was not known at creation."
    )


PART = {"number": 1, "size": 16777216, "sha256": HASH}


class PartView(BaseModel):
    model_config = example(**PART)
    number: int = Field(description="Counts from 1.")
    size: int
    sha256: str


UPLOAD = {
    "id": "upl_0f",
    "filename": "resnet.keras",
    "size": 104857600,
    "part_size": 16777216,
    "part_count": 7,
}


class UploadView(BaseModel):
    model_config = example(
        **UPLOAD, parts=[PART], sha256=None, completed_at=None, created_at=MOMENT
    )
    id: str
    filename: str
    size: int
    part_size: int = Field(description="Bytes in every part but the last.")
    part_count: int
    parts: list[PartView] = Field(description="The parts that are there already.")
    sha256: str | None
    completed_at: datetime | None
    created_at: datetime


class NewRecord(BaseModel):
    """A model or a dataset made of a completed upload."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"upload_id": "upl_0f", "name": "ResNet-32"}]},
    )
    upload_id: Id
    name: Name | None = Field(default=None, description="The upload's file name when left out.")


class RecordView(BaseModel):
    id: str
    upload_id: str
    name: str
    state: InspectionState
    error: JobError | None = Field(description="Why it was rejected.")
    description: dict[str, Any] | None = Field(
        description="What inspection found; null until then."
    )
    created_at: datetime


RECORD = {"upload_id": "upl_0f", "state": "ready", "error": None, "created_at": MOMENT}


class ModelView(RecordView):
    model_config = example(
        id="mod_1a",
        name="resnet.keras",
        **RECORD,
        description={"format": "keras", "parameters": 467946, "bytes": 1996240},
    )


class DatasetView(RecordView):
    model_config = example(
        id="dat_2b",
        name="photos.zip",
        **RECORD,
        description={"classes": ["cat", "dog"], "unreadable": []},
    )


class NewJob(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"model_id": "mod_1a", "dataset_id": "dat_2b", "spec": {"effort": "draft"}}
            ]
        },
    )
    model_id: Id
    dataset_id: Id
    spec: JobSpec = Field(default_factory=lambda: JobSpec.model_validate({}))


VARIANT = {
    "id": "var_4d",
    "job_id": "job_3c",
    "name": "small",
    "filename": "small-int8.tflite",
    "bytes": 31496,
}


METRICS = {
    "student": "small",
    "quantization": "int8",
    "gzip_bytes": 25102,
    "top1": 0.842,
    "smaller_x": 58.1,
    "budget": {"asked": {"max_bytes": 32768}, "kept": True},
}


class VariantView(BaseModel):
    model_config = example(**VARIANT, sha256=HASH, metrics=METRICS, created_at=MOMENT)
    id: str
    job_id: str
    name: str
    filename: str
    bytes: int
    sha256: str
    metrics: dict[str, Any] = Field(description="The variant's row of report.json.")
    created_at: datetime


JOB = {
    "id": "job_3c",
    "model_id": "mod_1a",
    "dataset_id": "dat_2b",
    "spec": {"effort": "draft", "seed": 0},
    "state": "running",
    "stage": "train",
    "progress": 0.41,
    "eta_seconds": 93.0,
    "cancel_requested": False,
    "attempts": 1,
    "error": None,
    "created_at": MOMENT,
    "started_at": MOMENT,
    "finished_at": None,
}


class JobSummary(BaseModel):
    model_config = example(**JOB)
    id: str
    model_id: str
    dataset_id: str
    spec: dict[str, Any]
    state: JobState
    stage: str
    progress: float = Field(description="0..1 of the whole job.")
    eta_seconds: float | None
    cancel_requested: bool
    attempts: int
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobView(JobSummary):
    model_config = example(**JOB, baseline=None, report=None, variants=[])
    baseline: dict[str, Any] | None = Field(description="The teacher's own row, from the report.")
    report: dict[str, Any] | None = Field(
        description="report.json; null until the job has succeeded."
    )
    variants: list[VariantView]


class EventView(BaseModel):
    """One event of a job: ``type`` is ``progress`` or ``state``."""

    model_config = ConfigDict(frozen=True)
    id: int
    type: str
    data: dict[str, Any]


class NewKey(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"name": "laptop"}]}
    )
    name: Name


class KeyView(BaseModel):
    model_config = example(id="key_5e", name="laptop", created_at=MOMENT)
    id: str
    name: str
    created_at: datetime


class CreatedKey(KeyView):
    model_config = example(id="key_5e", name="laptop", created_at=MOMENT, secret="l2c_...")
    secret: str = Field(description="The key itself; it cannot be read again.")


class Health(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "version": "0.1.0"}]}
    )
    status: str
    version: str


class Problem(BaseModel):
    """RFC 9457, with a stable ``code`` and a ``hint`` on what to do next."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="Malformed input: where, and what is wrong there."
    )
