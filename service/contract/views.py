"""What goes over the wire, for the API that writes it and the client that reads it.

job_views.py has jobs, variants and events; account_views.py and webhook_views.py the rest.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from service.contract import examples
from service.contract.descriptions import DatasetDescription, ModelDescription
from service.contract.job import InspectionState, JobError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
LABEL_KEY = r"[a-z0-9][a-z0-9._-]{0,62}"
LabelText = Annotated[
    str,
    StringConstraints(pattern=rf"^{LABEL_KEY}:[^\x00-\x1f\x7f]{{1,200}}$"),
    Field(examples=["app:camera"]),
]
"""A label as one word, ``key:value``: the form of query parameters and of the command line."""
_LABEL = TypeAdapter(LabelText)


def _check_keys(labels: dict[str, str]) -> dict[str, str]:
    for key in labels:
        if not re.fullmatch(LABEL_KEY, key):
            raise ValueError(f"{key[:100]!r} is not a label's key, which is {LABEL_KEY}")
    return labels


# Not keys of a constrained type: OpenAPI would have them as patterns, which generated clients lack.
Labels = Annotated[dict[str, Name], AfterValidator(_check_keys), Field(max_length=32)]
Item = TypeVar("Item")


def answer(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a view, with an example for the OpenAPI description."""
    return ConfigDict(from_attributes=True, frozen=True, json_schema_extra={"examples": [example]})


def request(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a request body: unknown fields are refused."""
    return ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [example]})


def labels_of(words: list[str] | tuple[str, ...]) -> dict[str, str]:
    """``key:value`` words as a mapping; ValueError for another form, or a key given twice."""
    labels: dict[str, str] = {}
    for word in words:
        try:
            key, _, value = _LABEL.validate_python(word).partition(":")
        except ValidationError as error:
            raise ValueError(
                f"{word[:300]!r} is not of the form KEY:VALUE, e.g. app:camera"
            ) from error
        if key in labels:
            raise ValueError(f"the label {key} is given twice")
        labels[key] = value
    return labels


class Page(BaseModel, Generic[Item]):
    model_config = ConfigDict(from_attributes=True, frozen=True)
    items: list[Item]
    next_cursor: str | None = Field(
        default=None, description="Send it as ``cursor`` to get the next page; null on the last."
    )


class NewUpload(BaseModel):
    model_config = request(examples.NEW_UPLOAD)
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    bytes: int = Field(ge=1, le=2**53)
    sha256: Sha256 | None = Field(
        default=None, description="Of the whole file; checked on completion."
    )


class Completion(BaseModel):
    model_config = request(examples.COMPLETION)
    sha256: Sha256 | None = Field(
        default=None, description="Of the whole file, when it was not known at creation."
    )


class PartView(BaseModel):
    model_config = answer(examples.PART)
    number: int = Field(description="Counts from 1.")
    bytes: int
    sha256: str


UploadState = Literal["receiving", "completed"]


class UploadSummary(BaseModel):
    model_config = answer(examples.UPLOAD)
    id: str
    filename: str
    state: UploadState
    bytes: int
    part_bytes: int = Field(description="Bytes in every part but the last.")
    part_count: int
    sha256: str | None
    completed_at: datetime | None
    created_at: datetime


class UploadView(UploadSummary):
    model_config = answer({**examples.UPLOAD, "parts": [examples.PART]})
    parts: list[PartView] = Field(description="The parts that have arrived.")


class NewRecord(BaseModel):
    """A model or a dataset made of a completed upload."""

    model_config = request(examples.NEW_RECORD)
    upload_id: Id
    name: Name | None = Field(default=None, description="The upload's file name when left out.")
    labels: Labels = Field(default_factory=dict, description="Free words to find it by.")


class RecordSummary(BaseModel):
    """A model or a dataset, as in lists."""

    model_config = answer({**examples.RECORD, "id": "mod_1a", "name": "resnet.keras"})
    id: str
    upload_id: str
    name: str
    labels: Labels
    state: InspectionState
    error: JobError | None = Field(description="Why it was rejected.")
    bytes: int = Field(description="Of the uploaded file.")
    sha256: str | None = Field(description="Of the uploaded file.")
    created_at: datetime


class ModelView(RecordSummary):
    model_config = answer(examples.MODEL)
    description: ModelDescription | None = Field(description="Null until it is ready.")


class DatasetView(RecordSummary):
    model_config = answer(examples.DATASET)
    description: DatasetDescription | None = Field(description="Null until it is ready.")


class Health(BaseModel):
    model_config = answer({"status": "ok", "version": "0.1.0"})
    status: str
    version: str


class Ready(Health):
    model_config = answer({"status": "ok", "version": "0.1.0", "sandboxes": ["namespaces"]})
    sandboxes: list[str] = Field(
        description="Levels of the sandboxes of the workers that were seen in the last minute."
    )


class InputProblem(BaseModel):
    loc: str = Field(description="The place in the input, e.g. ``body.spec.seed``.")
    msg: str = Field(description="What is wrong there.")


class Problem(BaseModel):
    """RFC 9457, with a stable ``code`` and a ``hint`` on what to do next."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    cause_code: str | None = Field(
        default=None, description="With code ``rejected``: the code of the inspection's error."
    )
    errors: list[InputProblem] | None = Field(
        default=None, description="With code ``malformed``: every place that is wrong."
    )
