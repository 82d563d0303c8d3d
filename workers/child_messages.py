"""Messages from the sandboxed child, validated as untrusted input: it runs a stranger's model."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from service.contract.progress import ProgressEvent

LONGEST_LINE = 64 * 1024
LARGEST_REPORT = 16 * 1024 * 1024


class ProgressMessage(ProgressEvent):
    type: Literal["progress"]
    stage: Annotated[str, StringConstraints(pattern=r"^[\w .:-]{1,40}$")]


class CheckpointMessage(BaseModel):
    """The checkpoint file was replaced by one that holds this many whole epochs."""

    type: Literal["checkpoint"]
    epoch: int = Field(ge=0, le=10**6)


class RefusalMessage(BaseModel):
    """The child's last message when the job cannot succeed on any worker."""

    type: Literal["error"]
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,60}$")]
    message: str = Field(max_length=4000)
    hint: str = Field(max_length=4000)


Message = ProgressMessage | CheckpointMessage | RefusalMessage
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse_line(line: bytes) -> Message | None:
    """The message on one line of the child's stdout; None for any other output."""
    try:
        parse_object(line)
        # Strict: "inf" as a string is no number.
        return _MESSAGE.validate_json(line, strict=True)
    except (ValueError, ValidationError):
        return None


def parse_object(text: bytes) -> dict[str, Any]:
    """A JSON object that every database and every JSON reader accepts.

    Raises ValueError for NaN, for a NUL character and for half of a surrogate pair.
    """
    try:
        value = json.loads(text)
        plain = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict) or b"\\u0000" in plain:
        raise ValueError("not a JSON object, or with a NUL in it")
    return value
