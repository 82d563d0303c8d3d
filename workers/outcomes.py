"""How an attempt can end early, as one tree. The supervisor handles each in one place.

Outcome
├── LeaseLost   another worker has the job, or it was deleted: stop, write nothing
├── Cancelled   the user asked for it
├── Stopping    this worker is told to stop: requeue the job, and do not count the attempt
├── Postponed   store, database or disk do not let this worker go on: the same, after a pause
├── Refused     the job cannot succeed on any worker: it fails with a typed error
└── Crashed     the engine crashed: try again after a pause, up to the limit of failures
"""

import errno

from sqlalchemy.exc import InterfaceError, OperationalError

from service.contract.errors import StoreUnavailable
from service.contract.job import JobError
from service.contract.storage import NO_SPACE

DATABASE_AWAY = (OperationalError, InterfaceError)
ENGINE_CRASHED = JobError(
    code="engine_crashed",
    message="The compression engine stopped unexpectedly.",
    hint="Create the job again; if it fails again, see the worker's log.",
)
STORAGE_UNAVAILABLE = JobError(
    code="storage_unavailable",
    message="The service's object store or database was away for too long.",
    hint="Try again when the operator has repaired it; GET /readyz tells.",
)
DISK_FULL = JobError(
    code="disk_full",
    message="No worker had enough room on its disk for this job for too long.",
    hint="Ask the operator to free space, or to start a worker with a larger disk; then try again.",
)


class Outcome(Exception):
    """Base of all of them."""


class LeaseLost(Outcome):
    pass


class Cancelled(Outcome):
    pass


class Stopping(Outcome):
    pass


class Postponed(Outcome):
    """``error`` is what the job fails with when this lasts for too long."""

    def __init__(self, error: JobError, reason: object):
        super().__init__(f"{error.code}: {reason}")
        self.error = error


class Refused(Outcome):
    """``by_child`` says whether the child refused the very files that it was given."""

    def __init__(self, error: JobError, by_child: bool = False):
        super().__init__(f"{error.code}: {error.message}")
        self.error, self.by_child = error, by_child


class Crashed(Outcome):
    def __init__(self, reason: str, hint: str = ENGINE_CRASHED.hint):
        super().__init__(reason)
        self.error = ENGINE_CRASHED.model_copy(update={"hint": hint})


def outcome_of(error: Exception) -> Outcome | None:
    """The outcome that an exception means; None for an unexpected one."""
    if isinstance(error, Outcome):
        return error
    if isinstance(error, (StoreUnavailable, *DATABASE_AWAY)):
        return Postponed(STORAGE_UNAVAILABLE, error)
    if isinstance(error, OSError) and error.errno in (*NO_SPACE, errno.EROFS):
        return Postponed(DISK_FULL, error)
    return None
