"""Why the engine refuses: each error is one code, one sentence and one thing to do next."""


class CompressionError(Exception):
    """An expected refusal. ``code`` is stable and listed in docs/api.md; ``hint`` says what to do next."""

    def __init__(self, code: str, message: str, hint: str = ""):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def diverged(message: str) -> CompressionError:
    """A training that came to what is not a number."""
    return CompressionError("training_diverged", message, "Check the labels, or state another seed.")
