"""The right to work on one job: taken by compare-and-set, kept by a heartbeat, and asked for again
at every write.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from service.contract.job import JobKind, JobState
from service.contract.records import Job, JobEvent, Sessions, now
from workers.outcomes import LeaseLost


@dataclass(frozen=True)
class Lease:
    """``token`` fences every write: once another worker has claimed the job, this one's writes
    match no row.

    Workers compare ``lease_expires_at`` with their own clocks, which may differ by a few seconds at
    most.
    """

    sessions: Sessions
    job_id: str
    token: str
    attempt: int
    seconds: float

    @contextmanager
    def fenced(self, **values: Any) -> Iterator[Session]:
        """One transaction in which the job's row takes ``values``. Raises LeaseLost, and then
        nothing is written.
        """
        with self.sessions.begin() as session:
            ours = (
                Job.id == self.job_id,
                Job.lease_token == self.token,
                Job.state == JobState.RUNNING,
            )
            changed = session.execute(update(Job).where(*ours).values(**values))
            if not isinstance(changed, CursorResult) or changed.rowcount != 1:
                raise LeaseLost(self.job_id)
            yield session

    def extend(self) -> None:
        with self.fenced(lease_expires_at=now() + timedelta(seconds=self.seconds)):
            pass

    def event(self, type: str, data: dict[str, Any]) -> JobEvent:
        return JobEvent(job_id=self.job_id, attempt=self.attempt, type=type, data=data)


def claim(sessions: Sessions, job_id: str, seconds: float) -> tuple[Lease, Job] | None:
    """Take a job that is queued, or whose lease ran out, for ``seconds``; None when it is neither."""
    moment, token = now(), secrets.token_hex(8)
    taken = {
        "state": JobState.RUNNING,
        "stage": "starting",
        "lease_token": token,
        "lease_expires_at": moment + timedelta(seconds=seconds),
        "attempts": Job.attempts + 1,
        "started_at": func.coalesce(Job.started_at, moment),
    }
    with sessions.begin() as session:
        wanted = update(Job).where(Job.id == job_id, claimable(moment)).values(taken).returning(Job)
        job = session.scalars(wanted).one_or_none()
        if job is None:
            return None
        lease = Lease(sessions, job_id, token, job.attempts, seconds)
        session.add(lease.event("state", {"state": JobState.RUNNING, "error": None}))
        return lease, job


def claimable(moment: datetime) -> ColumnElement[bool]:
    """Queued, or running under a lease that ran out."""
    orphaned = and_(Job.state == JobState.RUNNING, Job.lease_expires_at < moment)
    return or_(Job.state == JobState.QUEUED, orphaned)


def next_claimable(sessions: Sessions) -> str | None:
    """The oldest inspection, since it takes seconds and somebody waits for it; else the oldest
    compression.
    """
    urgent_first = (Job.kind == JobKind.COMPRESSION, Job.created_at)
    with sessions() as session:
        return session.scalars(
            select(Job.id).where(claimable(now())).order_by(*urgent_first).limit(1)
        ).first()


def claimable_inspections(sessions: Sessions) -> Sequence[str]:
    """Oldest first."""
    wanted = (
        select(Job.id)
        .where(claimable(now()), Job.kind != JobKind.COMPRESSION)
        .order_by(Job.created_at)
    )
    with sessions() as session:
        return session.scalars(wanted).all()
