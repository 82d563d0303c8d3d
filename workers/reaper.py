"""Periodic repair: lost notifications, expired leases, orphaned work folders."""

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, or_, select, update

from service.contract.records import Job, Sessions, now
from workers.lease import claimable
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)


def notify(sessions: Sessions, send: Callable[[str], None], job_id: str) -> None:
    """Send the message, and record when."""
    send(job_id)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(notified_at=now()))


def jobs_to_notify(sessions: Sessions, waiting_messages: int, patience_seconds: float) -> list[str]:
    """Ids of claimable jobs without a message in the queue; those notified longest ago first.

    Only as many as there are more jobs than messages: else each round would add copies while all
    workers are busy. A copy too many does no harm, because its worker finds the job claimed.
    """
    patient = now() - timedelta(seconds=patience_seconds)
    unnoticed = (
        claimable(now()),
        Job.created_at < patient,
        or_(Job.notified_at.is_(None), Job.notified_at < patient),
    )
    longest_ago = (Job.notified_at.is_not(None), Job.notified_at, Job.created_at)
    with sessions() as session:
        jobs = session.scalar(select(func.count()).where(claimable(now()))) or 0
        missing = max(0, jobs - waiting_messages)
        query = select(Job.id).where(*unnoticed).order_by(*longest_ago).limit(missing)
        return list(session.scalars(query))


def sweep_work_folders(context: WorkerContext) -> None:
    """Remove folders of attempts that hold no lease any more, e.g. of a worker that was killed."""
    for folder in context.settings.work_dir.glob("job_*.*"):
        job_id, token = folder.name.split(".", 1)
        with context.sessions() as session:
            leased = session.scalar(select(Job.lease_token).where(Job.id == job_id))
        if leased != token:
            LOG.info("removing %s of an attempt that has ended", folder)
            shutil.rmtree(folder, ignore_errors=True)
