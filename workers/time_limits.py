"""How long a child may take, in all and without progress."""

import time

from service.contract.job import JobError, JobKind
from workers.attempt import Attempt
from workers.child_messages import ProgressMessage
from workers.outcomes import Refused

GIB = 1024**3
TIMED_OUT = JobError(
    code="timed_out",
    message="The job took longer than this service allows.",
    hint="Choose a lower effort or fewer images, or ask the operator to raise "
    "L2C_JOB_TIMEOUT_SECONDS.",
)
INSPECTION_TIMED_OUT = JobError(
    code="inspection_timed_out",
    message="The inspection made no progress, or took longer than a file of this size should.",
    hint="Inspect it again (POST .../inspect), upload a smaller file, or ask the operator to raise "
    "L2C_INSPECTION_IDLE_SECONDS or L2C_INSPECTION_SECONDS_PER_GIB.",
)


class TimeLimits:
    """Of one child. Only inspections have a limit for the time without progress."""

    def __init__(self, attempt: Attempt, input_bytes: int):
        settings = attempt.context.settings
        self._error, self._idle = TIMED_OUT, float("inf")
        whole = settings.job_timeout_seconds
        if attempt.job.kind != JobKind.COMPRESSION:
            self._error, self._idle = INSPECTION_TIMED_OUT, settings.inspection_idle_seconds
            per_gib = settings.inspection_seconds_per_gib
            whole = min(whole, self._idle + input_bytes / GIB * per_gib)
        now = time.monotonic()
        self._end, self._moved_at, self._place = now + whole, now, 0.0

    def note(self, message: ProgressMessage) -> None:
        if message.progress > self._place:
            self._moved_at, self._place = time.monotonic(), message.progress

    def check(self) -> None:
        """Raise Refused when a limit has passed."""
        now = time.monotonic()
        if now > self._end or now > self._moved_at + self._idle:
            raise Refused(self._error)
