"""What time alone would not heal: bells that nobody heard, leases that ran out, folders of workers that died."""

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, or_, select, update

from service.contract.records import Job, Sessions, now
from workers.lease import claimable
from workers.workshop import Workshop

LOG = logging.getLogger(__name__)


def ring(sessions: Sessions, send: Callable[[str], None], job_id: str) -> None:
    """Send the message, and note when."""
    send(job_id)
    with sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(rung_at=now()))


def silent(sessions: Sessions, waiting_messages: int, patience_seconds: float) -> list[str]:
    """Claimable jobs that no message stands for, to ring again; the longest unrung first.

    A job is only rung again while fewer messages wait than jobs, else every round while all workers are busy would add
    copies. A copy too many does no harm: whoever takes it finds the job claimed.
    """
    patient = now() - timedelta(seconds=patience_seconds)
    unheard = (claimable(now()), Job.created_at < patient, or_(Job.rung_at.is_(None), Job.rung_at < patient))
    longest_unrung = (Job.rung_at.is_not(None), Job.rung_at, Job.created_at)
    with sessions() as session:
        jobs = session.scalar(select(func.count()).where(claimable(now()))) or 0
        missing = max(0, jobs - waiting_messages)
        return list(session.scalars(select(Job.id).where(*unheard).order_by(*longest_unrung).limit(missing)))


def sweep_work_folders(shop: Workshop) -> None:
    """Remove the folders of attempts that hold no lease any more, such as those of a worker that was killed."""
    for folder in shop.settings.work_dir.glob("job_*.*"):
        job_id, token = folder.name.split(".", 1)
        with shop.sessions() as session:
            leased = session.scalar(select(Job.lease_token).where(Job.id == job_id))
        if leased != token:
            LOG.info("removing %s, left by an attempt that is over", folder)
            shutil.rmtree(folder, ignore_errors=True)
