"""How an attempt ends in the database: each function is one transaction, fenced by the lease."""

from typing import Any

from sqlalchemy.orm import Session

from service.contract.deletions import schedule_deletion
from service.contract.job import InspectionState, JobError, JobKind, JobState
from service.contract.job_end import end_job, state_event
from service.contract.object_keys import attempt_prefix, checkpoints_prefix, upload_prefix
from service.contract.records import DatasetRecord, Job, ModelRecord
from workers.delivery import Published
from workers.lease import Lease
from workers.outcomes import LeaseLost

CANCELLED = JobError(
    code="cancelled", message="The inspection was cancelled.", hint="Upload the file again."
)


def succeed(lease: Lease, job: Job, published: Published) -> None:
    """The variants become visible in the same moment as the state."""
    found: dict[str, Any] = {"report": published.report, "artifacts_prefix": published.prefix}
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.SUCCEEDED, progress=1.0, **found)
        session.add_all(published.rows(job))


def finish_inspection(lease: Lease, job: Job, description: dict[str, Any]) -> None:
    """The model or dataset is ready, with what was found."""
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.SUCCEEDED, progress=1.0)
        record = _inspected_record(session, job)
        if record is not None:
            record.state, record.description = InspectionState.READY, description


def fail(lease: Lease, job: Job, error: JobError) -> None:
    """Without another attempt; after an inspection the record is rejected for the same reason."""
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.FAILED, error)
        _reject(session, job, error)


def cancel(lease: Lease, job: Job) -> None:
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.CANCELLED)
        _reject(session, job, CANCELLED)


def requeue(lease: Lease, counted: bool) -> None:
    """Back into the queue, to go on from the checkpoint; ``counted`` says if it was an attempt."""
    attempts = lease.attempt
    if not counted:
        attempts -= 1
    waiting = {
        "state": JobState.QUEUED,
        "stage": "queued",
        "attempts": attempts,
        "notified_at": None,
        "eta_seconds": None,
        "lease_token": None,
        "lease_expires_at": None,
    }
    with lease.fenced(**waiting) as session:
        session.add(state_event(lease.job_id, lease.attempt, JobState.QUEUED))


def _end(
    session: Session,
    lease: Lease,
    state: JobState,
    error: JobError | None = None,
    **columns: Any,
) -> None:
    """End the job, and delete from the store what its row does not name any more."""
    if not end_job(session, lease.ours, state, error, **columns):
        raise LeaseLost(lease.job_id)
    schedule_deletion(session, checkpoints_prefix(lease.job_id))
    for attempt in range(1, lease.attempt + 1):
        prefix = attempt_prefix(lease.job_id, attempt)
        if prefix != columns.get("artifacts_prefix"):
            schedule_deletion(session, prefix)


def _reject(session: Session, job: Job, error: JobError) -> None:
    """After an inspection: reject the record and delete what was uploaded for it."""
    record = _inspected_record(session, job)
    if record is not None:
        record.state, record.error = InspectionState.REJECTED, error.model_dump()
        schedule_deletion(session, upload_prefix(record.upload_id))


def _inspected_record(session: Session, job: Job) -> ModelRecord | DatasetRecord | None:
    """The record that the job inspects; None for a compression."""
    if job.kind == JobKind.MODEL_INSPECTION:
        return session.get_one(ModelRecord, job.model_id)
    if job.kind == JobKind.DATASET_INSPECTION:
        return session.get_one(DatasetRecord, job.dataset_id)
    return None
