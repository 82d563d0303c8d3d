"""Which jobs wait for a worker that nobody told of them: a message was lost, or a lease ran out."""

from collections.abc import Callable

from sqlalchemy import func, or_, select, update

from service.contract.database_clock import database_now
from service.contract.devices import Device
from service.contract.job import JobKind
from service.contract.records import Job, Sessions
from workers.claim_order import claimable


def send_and_record(sessions: Sessions, send: Callable[[str, str], None], job_id: str) -> None:
    """Send the job's message to the workers with its device, and record when."""
    with sessions() as session:
        device = session.scalar(select(Job.device).where(Job.id == job_id))
    if device is None:
        return
    send(job_id, device)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(notified_at=database_now()))


def jobs_to_notify(
    sessions: Sessions, device: Device, waiting_messages: int, patience_seconds: float
) -> list[str]:
    """Ids of claimable jobs for ``device`` without a message in its queue.

    Those notified longest ago first.

    Only as many as there are more jobs than messages: else each round would add copies while all
    workers are busy. A copy too many does no harm, because its worker finds the job claimed.
    """
    patient = database_now(-patience_seconds)
    mine = (Job.kind == JobKind.COMPRESSION, Job.device == device, claimable())
    unnoticed = (
        *mine,
        Job.created_at < patient,
        or_(Job.notified_at.is_(None), Job.notified_at < patient),
    )
    longest_ago = (Job.notified_at.is_not(None), Job.notified_at, Job.created_at)
    with sessions() as session:
        jobs = session.scalar(select(func.count()).where(*mine)) or 0
        missing = max(0, jobs - waiting_messages)
        query = select(Job.id).where(*unnoticed).order_by(*longest_ago).limit(missing)
        return list(session.scalars(query))
