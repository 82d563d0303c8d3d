"""The one place where a job ends: its columns, and the events that say so."""

from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from service.contract.job import JobError, JobKind, JobState
from service.contract.records import Job, JobEvent, now
from service.contract.webhook_outbox import record_event


def state_event(
    job_id: str, attempt: int, state: JobState, error: JobError | None = None
) -> JobEvent:
    """The event of a change of state."""
    said = error and error.model_dump()
    data = {"state": state, "error": said}
    return JobEvent(job_id=job_id, attempt=attempt, type="state", data=data)


def end_job(
    session: Session,
    where: tuple[ColumnElement[bool], ...],
    state: JobState,
    error: JobError | None = None,
    **columns: Any,
) -> bool:
    """End the one job that matches ``where``; False when none does, and then nothing is written.

    ``columns`` are further columns of the job's row.
    """
    ended = {
        "state": state,
        "stage": state,
        "error": error and error.model_dump(),
        "finished_at": now(),
        "eta_seconds": None,
        "checkpoint_key": None,
        "lease_token": None,
        "lease_expires_at": None,
    }
    change = update(Job).where(*where).values(**ended, **columns)
    told = (Job.id, Job.attempts, Job.account_id, Job.kind)
    found = session.execute(change.returning(*told)).one_or_none()
    if found is None:
        return False
    session.add(state_event(found.id, found.attempts, state, error))
    if found.kind == JobKind.COMPRESSION:
        record_event(session, found.account_id, "job", found.id, state)
    return True
