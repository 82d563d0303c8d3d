"""Errors that the user can do something about; each code is listed in docs/api.md."""

import errno
import re
from collections.abc import Iterable

LONGEST_SUMMARY = 300
MAX_LISTED = 1_500
"""Characters of a list in a message."""
CONFIGURATION = re.compile(r"[\[{]['\"]|Full object config|config=|Received:|Traceback")
PATH = re.compile(r"(?<![\w.])(/[\w.+-]+){2,}/?")
USE_LESS_DATA = "compress with fewer or smaller images"


class CompressionError(Exception):
    """An input that cannot be compressed, or a limit that was reached.

    ``code`` is stable, ``message`` one sentence, and ``hint`` says what to do next.
    """

    def __init__(self, code: str, message: str, hint: str):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def training_diverged(message: str) -> CompressionError:
    """The error for a loss or a weight that is not a finite number."""
    hint = "Check the labels, or choose another seed."
    return CompressionError("training_diverged", message, hint)


def summary(error: Exception) -> str:
    """What a library says of an error, in one line: without configurations and paths."""
    text = " ".join(str(error).split())
    if found := CONFIGURATION.search(text):
        text = text[: found.start()]
    text = PATH.sub("a file", text).strip(" ,:;=")
    return f"{type(error).__name__}: {text}"[:LONGEST_SUMMARY]


def listed(names: Iterable[str]) -> str:
    """All names, as far as a message holds them, then how many more there are."""
    shown: list[str] = []
    waiting = list(names)
    length = 0
    while waiting and length + len(waiting[0]) <= MAX_LISTED:
        shown.append(waiting.pop(0))
        length += len(shown[-1]) + 2
    return ", ".join(shown) + (f" and {len(waiting)} more" if waiting else "")


def as_compression_error(error: Exception) -> CompressionError | None:
    """The error to show to the user for ``error``, or None where it is a bug."""
    if isinstance(error, CompressionError):
        return error
    if _is_out_of_memory(error):
        hint = f"Give the worker more memory, or {USE_LESS_DATA}."
        return CompressionError("out_of_memory", "The worker has no memory left.", hint)
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EFBIG:
        message = "A file of the job is larger than the worker allows."
        hint = f"Ask the operator to raise L2C_MAX_UPLOAD_BYTES, or {USE_LESS_DATA}."
        return CompressionError("file_too_large", message, hint)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"Free space on the disk, or {USE_LESS_DATA}."
        return CompressionError("disk_full", "The worker's disk is full.", hint)
    return None


def _is_out_of_memory(error: Exception) -> bool:
    # TensorFlow's own error is recognized by its name, because an inspection of a dataset runs
    # without TensorFlow.
    if type(error).__name__ == "ResourceExhaustedError":
        return True
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
