"""How a job's row ends an attempt: each function is one fenced transaction, with the event that
says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from service.contract.job import InspectionState, JobError, JobKind, JobState
from service.contract.records import DatasetRecord, Job, ModelRecord, now
from workers.delivery import Published
from workers.lease import Lease

FREE: dict[str, Any] = {"lease_token": None, "lease_expires_at": None, "eta_seconds": None}
CANCELLED = JobError(
    code="cancelled", message="The inspection was cancelled.", hint="Upload the file again."
)


def succeed(lease: Lease, job: Job, published: Published) -> None:
    """The variants become visible in the same moment as the state."""
    found: dict[str, Any] = {
        "report": published.report,
        "artifacts_prefix": published.prefix,
        "checkpoint_key": None,
    }
    with _finished(lease, JobState.SUCCEEDED, progress=1.0, **found) as session:
        session.add_all(published.rows(job))


def describe(lease: Lease, job: Job, description: dict[str, Any]) -> None:
    """An inspection succeeded: the record is ready and says what was found."""
    with _finished(lease, JobState.SUCCEEDED, progress=1.0) as session:
        _review(session, job, InspectionState.READY, description=description)


def fail(lease: Lease, job: Job, error: JobError) -> None:
    """For good; after an inspection the record is rejected for the same reason."""
    said = error.model_dump()
    with _finished(lease, JobState.FAILED, said, error=said, checkpoint_key=None) as session:
        _review(session, job, InspectionState.REJECTED, error=said)


def cancel(lease: Lease, job: Job) -> None:
    with _finished(lease, JobState.CANCELLED, checkpoint_key=None) as session:
        _review(session, job, InspectionState.REJECTED, error=CANCELLED.model_dump())


def requeue(lease: Lease, counted: bool) -> None:
    """Back into the queue, for anyone to go on with from the checkpoint; ``counted`` says whether
    it was an attempt.
    """
    attempts = lease.attempt if counted else lease.attempt - 1
    waiting = {
        "state": JobState.QUEUED,
        "stage": "queued",
        "attempts": attempts,
        "notified_at": None,
    }
    with lease.fenced(**waiting, **FREE) as session:
        session.add(lease.event("state", {"state": JobState.QUEUED, "error": None}))


@contextmanager
def _finished(
    lease: Lease, state: JobState, said: dict[str, Any] | None = None, **values: Any
) -> Iterator[Session]:
    with lease.fenced(state=state, stage=state, finished_at=now(), **FREE, **values) as session:
        session.add(lease.event("state", {"state": state, "error": said}))
        yield session


def _review(session: Session, job: Job, state: InspectionState, **found: Any) -> None:
    if job.kind == JobKind.MODEL_INSPECTION:
        session.execute(
            update(ModelRecord).where(ModelRecord.id == job.model_id).values(state=state, **found)
        )
    elif job.kind == JobKind.DATASET_INSPECTION:
        session.execute(
            update(DatasetRecord)
            .where(DatasetRecord.id == job.dataset_id)
            .values(state=state, **found)
        )
