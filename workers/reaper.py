"""What time alone would not heal: bells that nobody heard, leases that ran out, folders of workers
that died.
"""

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
    """Send the message, and note when."""
    send(job_id)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(notified_at=now()))


def jobs_to_notify(sessions: Sessions, waiting_messages: int, patience_seconds: float) -> list[str]:
    """Claimable jobs that no message stands for, to notify again; the longest unrung first.

    A job is only rung again while fewer messages wait than jobs, else every round while all workers
    are busy would add copies. A copy too many does no harm: whoever takes it finds the job claimed.
    """
    patient = now() - timedelta(seconds=patience_seconds)
    unheard = (
        claimable(now()),
        Job.created_at < patient,
        or_(Job.notified_at.is_(None), Job.notified_at < patient),
    )
    longest_unrung = (Job.notified_at.is_not(None), Job.notified_at, Job.created_at)
    with sessions() as session:
        jobs = session.scalar(select(func.count()).where(claimable(now()))) or 0
        missing = max(0, jobs - waiting_messages)
        return list(
            session.scalars(select(Job.id).where(*unheard).order_by(*longest_unrung).limit(missing))
        )


def sweep_work_folders(context: WorkerContext) -> None:
    """Remove the folders of attempts that hold no lease any more, such as those of a worker that
    was killed.
    """
    for folder in context.settings.work_dir.glob("job_*.*"):
        job_id, token = folder.name.split(".", 1)
        with context.sessions() as session:
            leased = session.scalar(select(Job.lease_token).where(Job.id == job_id))
        if leased != token:
            LOG.info("removing %s, left by an attempt that is over", folder)
            shutil.rmtree(folder, ignore_errors=True)
