"""One attempt at a job, as the parts of the supervisor share it."""

from dataclasses import dataclass
from pathlib import Path

from service.contract.records import Job
from workers.lease import Lease
from workers.watch import Watch
from workers.worker_context import WorkerContext


@dataclass(frozen=True)
class Attempt:
    """The lease, the job's row at the claim, the heartbeat, the child's work folder."""

    context: WorkerContext
    lease: Lease
    job: Job
    watch: Watch
    folder: Path
