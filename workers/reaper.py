"""Which jobs wait for a worker that nobody told of them: a message was lost, or a lease ran out."""

from collections.abc import Callable

from sqlalchemy import func, or_, select, update

from service.contract.database_clock import database_now
from service.contract.job import JobKind
from service.contract.records import Job, Sessions
from workers.claim_order import claimable


def send_and_record(sessions: Sessions, send: Callable[[str], None], job_id: str) -> None:
    """Send the job's message, and record when."""
    send(job_id)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(notified_at=database_now()))


def jobs_to_notify(sessions: Sessions, waiting_messages: int, patience_seconds: float) -> list[str]:
    """Ids of claimable jobs without a message in the queue; those notified longest ago first.

    Only as many as there are more jobs than messages: else each round would add copies while all
    workers are busy. A copy too many does no harm, because its worker finds the job claimed.
    """
    patient = database_now(-patience_seconds)
    unnoticed = (
        Job.kind == JobKind.COMPRESSION,
        claimable(),
        Job.created_at < patient,
        or_(Job.notified_at.is_(None), Job.notified_at < patient),
    )
    longest_ago = (Job.notified_at.is_not(None), Job.notified_at, Job.created_at)
    compressions = Job.kind == JobKind.COMPRESSION
    with sessions() as session:
        jobs = session.scalar(select(func.count()).where(compressions, claimable())) or 0
        missing = max(0, jobs - waiting_messages)
        query = select(Job.id).where(*unnoticed).order_by(*longest_ago).limit(missing)
        return list(session.scalars(query))
