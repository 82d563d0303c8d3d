"""What the child says, checked word by word: its lines and its report come from beside a stranger's
model.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from service.contract.job import ProgressEvent

LONGEST_LINE = 64 * 1024
LARGEST_REPORT = 16 * 1024 * 1024
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
File = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.tflite$")]


class Progress(ProgressEvent):
    type: Literal["progress"]
    stage: Annotated[str, StringConstraints(pattern=r"^[\w .:-]{1,40}$")]


class Checkpoint(BaseModel):
    """``checkpoint.npz`` was replaced by one that holds this many whole epochs."""

    type: Literal["checkpoint"]
    epoch: int = Field(ge=0, le=10**6)


class Refusal(BaseModel):
    """The child's last word when the job cannot succeed, whoever tries."""

    type: Literal["error"]
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,60}$")]
    message: str = Field(max_length=4000)
    hint: str = Field("", max_length=4000)


Word = Progress | Checkpoint | Refusal
_WORD: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="type")])


class ReportedVariant(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: Name
    file: File
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class CompressionReport(BaseModel):
    """The part of report.json that the supervisor relies on; the rest is passed on as it is."""

    model_config = ConfigDict(extra="allow")

    baseline: dict[str, Any]
    variants: list[ReportedVariant] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _each_once(self) -> "CompressionReport":
        for field in ("name", "file"):
            values = [getattr(variant, field) for variant in self.variants]
            if len(set(values)) != len(values):
                raise ValueError(f"two variants have the same {field}")
        return self


def parse_line(line: bytes) -> Word | None:
    """The word on one line of the child's stdout; None for anything else, such as a library's
    chatter.
    """
    try:
        return _WORD.validate_python(parse_object(line))
    except (ValueError, ValidationError):
        return None


def parse_object(text: bytes) -> dict[str, Any]:
    """A JSON object that every database and every JSON reader takes: no NaN, no NUL, no half of a
    surrogate pair.

    Raises ValueError.
    """
    try:
        value = json.loads(text)
        plain = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict) or b"\\u0000" in plain:
        raise ValueError("not a JSON object, or with a NUL in it")
    return value
