"""How an attempt ends in the database: each function is one transaction, fenced by the lease."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.contract.database_clock import database_now
from service.contract.deletions import schedule_deletion
from service.contract.job import InspectionState, JobError, JobKind, JobState
from service.contract.job_end import end_job, state_event
from service.contract.object_keys import attempt_prefix, checkpoints_prefix, upload_prefix
from service.contract.records import DatasetRecord, Job, ModelRecord, UploadPart
from service.contract.settings import Settings
from service.contract.webhook_outbox import record_event
from workers.delivery import Published
from workers.lease import Lease
from workers.outcomes import LeaseLost

LONGEST_PAUSE_SECONDS = 600.0
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
            _tell(session, record)


def fail(lease: Lease, job: Job, error: JobError, keep_upload: bool) -> None:
    """Without another attempt; after an inspection the record is rejected for the same reason.

    An upload that is kept can be inspected again.
    """
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.FAILED, error)
        _reject(session, job, error, keep_upload)


def cancel(lease: Lease, job: Job) -> None:
    with lease.sessions.begin() as session:
        _end(session, lease, JobState.CANCELLED)
        _reject(session, job, CANCELLED, keep_upload=False)


def abandon(lease: Lease) -> None:
    """After the lease was lost: delete what this attempt stored, unless the job's row names it.

    The row may name it: the connection broke after the last commit, before its answer.
    """
    prefix = attempt_prefix(lease.job_id, lease.attempt)
    with lease.sessions.begin() as session:
        published = select(Job.artifacts_prefix).where(Job.id == lease.job_id)
        if session.scalar(published) != prefix:
            schedule_deletion(session, prefix)


def give_back(lease: Lease) -> None:
    """Back into the queue, to go on from the checkpoint at once; not a failure."""
    _requeue(lease, failures=Job.failures - 1)


def postpone(lease: Lease, job: Job, error: JobError, settings: Settings) -> None:
    """Back into the queue for as long as it has waited already; fail after the longest wait."""
    # Not what ``job`` says, which was read at the claim: a checkpoint has ended the wait since.
    with lease.sessions() as session:
        wait = select(Job.postponed_since, database_now()).where(*lease.ours)
        found = session.execute(wait).one_or_none()
    if found is None:
        raise LeaseLost(lease.job_id)
    postponed_since, moment = found
    since = postponed_since or moment
    waited = (moment - since).total_seconds()
    if waited > settings.outage_patience_seconds:
        return fail(lease, job, error, keep_upload=True)
    pause = min(LONGEST_PAUSE_SECONDS, max(settings.retry_seconds, waited))
    later = {"not_before": database_now(pause), "postponed_since": since}
    _requeue(lease, failures=Job.failures - 1, **later)


def retry(lease: Lease, job: Job, error: JobError, settings: Settings) -> None:
    """Back into the queue after a crash, each time for twice as long; fail after the last."""
    with lease.sessions() as session:
        failures = session.scalar(select(Job.failures).where(*lease.ours))
    if failures is None:
        raise LeaseLost(lease.job_id)
    if failures >= settings.max_attempts:
        return fail(lease, job, error, keep_upload=True)
    pause = min(LONGEST_PAUSE_SECONDS, settings.retry_seconds * 2 ** (failures - 1))
    _requeue(lease, not_before=database_now(pause))


def _requeue(lease: Lease, **columns: Any) -> None:
    waiting = {
        "state": JobState.QUEUED,
        "stage": "queued",
        "notified_at": None,
        "eta_seconds": None,
        "lease_token": None,
        "lease_expires_at": None,
    }
    with lease.fenced(**waiting, **columns) as session:
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


def _reject(session: Session, job: Job, error: JobError, keep_upload: bool) -> None:
    """After an inspection: reject the record; the parts of its upload are kept or deleted."""
    record = _inspected_record(session, job)
    if record is None:
        return
    record.state, record.error = InspectionState.REJECTED, error.model_dump()
    _tell(session, record)
    if not keep_upload:
        session.execute(delete(UploadPart).where(UploadPart.upload_id == record.upload_id))
        schedule_deletion(session, upload_prefix(record.upload_id))


def _tell(session: Session, record: ModelRecord | DatasetRecord) -> None:
    noun = "model" if isinstance(record, ModelRecord) else "dataset"
    record_event(session, record.account_id, noun, record.id, record.state)


def _inspected_record(session: Session, job: Job) -> ModelRecord | DatasetRecord | None:
    """The record that the job inspects; None for a compression."""
    if job.kind == JobKind.MODEL_INSPECTION:
        return session.get_one(ModelRecord, job.model_id)
    if job.kind == JobKind.DATASET_INSPECTION:
        return session.get_one(DatasetRecord, job.dataset_id)
    return None
