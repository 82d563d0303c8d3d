"""Why the engine refuses: each error is one code, one sentence and one thing to do next."""

import errno

LESS = "compress with fewer or smaller images"


class CompressionError(Exception):
    """An expected refusal. ``code`` is stable and listed in docs/api.md; ``hint`` says what to do
    next.
    """

    def __init__(self, code: str, message: str, hint: str = ""):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def diverged(message: str) -> CompressionError:
    """A training that came to what is not a number."""
    return CompressionError(
        "training_diverged", message, "Check the labels, or state another seed."
    )


def foreseen(error: Exception) -> CompressionError | None:
    """What the user is told of ``error``, or None where nobody foresaw it."""
    if isinstance(error, CompressionError):
        return error
    if (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or _exhausted(error)
    ):
        return CompressionError(
            "out_of_memory", "The worker's memory is used up.", f"Give it more memory, or {LESS}."
        )
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        hint = f"Ask the operator to raise L2C_MAX_UPLOAD_BYTES, or {LESS}."
        return CompressionError(
            "disk_full", "A file of the job would be larger than the worker lets it be.", hint
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CompressionError(
            "disk_full", "The worker's disk is full.", f"Free space on it, or {LESS}."
        )
    return None


def _exhausted(error: Exception) -> bool:
    """TensorFlow's own word for it, by name: whoever only inspects a dataset need not load
    TensorFlow.
    """
    return type(error).__name__ == "ResourceExhaustedError"
