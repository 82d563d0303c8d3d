"""The right to work on one job: claimed by compare-and-set, kept by a heartbeat."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, func, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.contract.database_clock import database_now
from service.contract.job import JobKind, JobState
from service.contract.job_end import state_event
from service.contract.records import Account, Job, JobEvent, Sessions
from workers.claim_order import claimable
from workers.outcomes import LeaseLost

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """``token`` fences every write: once another worker has claimed the job, it matches no row.

    Every moment is one of the database's clock, so the clocks of the machines may differ.
    """

    sessions: Sessions
    job_id: str
    token: str
    attempt: int
    seconds: float

    @property
    def ours(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions under which the job's row is still held by this lease."""
        this, held = Job.id == self.job_id, Job.lease_token == self.token
        return this, held, Job.state == JobState.RUNNING

    @contextmanager
    def fenced(self, **values: Any) -> Iterator[Session]:
        """One transaction that writes ``values`` to the job's row.

        Raises LeaseLost, and then nothing is written.
        """
        with self.sessions.begin() as session:
            changed = session.execute(update(Job).where(*self.ours).values(**values))
            if not isinstance(changed, CursorResult) or changed.rowcount != 1:
                raise LeaseLost(self.job_id)
            yield session

    def extend(self) -> None:
        with self.fenced(lease_expires_at=database_now(self.seconds)):
            pass

    def progress_event(self, data: dict[str, Any]) -> JobEvent:
        return JobEvent(job_id=self.job_id, attempt=self.attempt, type="progress", data=data)


def claim(
    sessions: Sessions, job_id: str, seconds: float, sandbox: str | None = None
) -> tuple[Lease, Job] | None:
    """Claim a job that is queued, or whose lease ran out, for ``seconds``; else None.

    ``sandbox`` is the level of the one that it will run in.
    """
    token = secrets.token_hex(8)
    taken = {
        "state": JobState.RUNNING,
        "stage": "starting",
        "lease_token": token,
        "lease_expires_at": database_now(seconds),
        "attempts": Job.attempts + 1,
        "failures": Job.failures + 1,
        "not_before": None,
        "sandbox": sandbox,
        "started_at": func.coalesce(Job.started_at, database_now()),
    }
    with sessions.begin() as session:
        wanted = update(Job).where(Job.id == job_id, claimable()).values(taken).returning(Job)
        job = session.scalars(wanted).one_or_none()
        if job is None:
            return None
        lease = Lease(sessions, job_id, token, job.attempts, seconds)
        session.add(state_event(job_id, job.attempts, JobState.RUNNING))
    if job.kind == JobKind.COMPRESSION:
        _note_served(sessions, job.account_id)
    return lease, job


def _note_served(sessions: Sessions, account_id: str) -> None:
    # In a transaction of its own: requests lock accounts before jobs, this would be the other way.
    try:
        with sessions.begin() as session:
            served = update(Account).where(Account.id == account_id)
            session.execute(served.values(last_served_at=database_now()))
    except SQLAlchemyError as error:
        # The job is claimed: it only decides whose turn is next.
        LOG.warning("could not note that account %s was served: %s", account_id, error)
