"""How an attempt can end early, as one tree. The supervisor handles each in one place.

Outcome
├── LeaseLost   another worker has the job: stop, write nothing
├── Cancelled   the user asked for it
├── Stopping    this worker is told to stop: requeue the job, and do not count the attempt
├── Refused     the job cannot succeed on any worker: it fails with a typed error
└── Crashed     the engine crashed: try again, up to the limit of attempts
"""

from service.contract.job import JobError

ENGINE_CRASHED = JobError(
    code="engine_crashed",
    message="The compression engine stopped unexpectedly.",
    hint="Create the job again; if it fails again, see the worker's log.",
)


class Outcome(Exception):
    """Base of all of them."""


class LeaseLost(Outcome):
    pass


class Cancelled(Outcome):
    pass


class Stopping(Outcome):
    pass


class Refused(Outcome):
    def __init__(self, error: JobError):
        super().__init__(f"{error.code}: {error.message}")
        self.error = error


class Crashed(Outcome):
    def __init__(self, reason: str, hint: str = ENGINE_CRASHED.hint):
        super().__init__(reason)
        self.error = ENGINE_CRASHED.model_copy(update={"hint": hint})
