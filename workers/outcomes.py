"""How an attempt can end early, as one tree. Each is raised where it is noticed and settled in the
supervisor.

Outcome
├── LeaseLost   another worker has the job: stop, write nothing
├── Cancelled   the user asked for it
├── Stopping    this worker is told to stop: give the job back, as if it had not been tried
├── Refused     the job cannot succeed, whoever tries: fail with a typed error
└── Crashed     the engine broke: try again, up to the cap
"""

from service.contract.job import JobError


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
    def __init__(self, reason: str, hint: str = ""):
        super().__init__(reason)
        self.error = JobError(
            code="engine_crashed",
            message="The compression engine stopped unexpectedly.",
            hint=hint or "Submit the job again; if it fails again, the worker's log says more.",
        )
