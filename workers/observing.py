"""``supervise`` with figures, and with the job's id in what is logged meanwhile.

What became of an attempt is read from the job's row, which is the truth about the job.
"""

import logging
import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service.contract import logs
from service.contract.job import FINISHED, JobState
from service.contract.records import Job, Sessions
from workers import supervisor
from workers.metrics import WorkerMetrics
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)
LEASE_LOST, REQUEUED, BROKE_OFF = "lease_lost", "requeued", "broke_off"


@dataclass(frozen=True)
class JobRow:
    """What tells an attempt's outcome."""

    kind: str
    state: str
    attempts: int
    code: str


def supervise(job_id: str, context: WorkerContext) -> bool:
    """As ``workers.supervisor.supervise``."""
    with logs.about(logs.job_id, job_id):
        before, started, broke_off = _read(context.sessions, job_id), time.monotonic(), True
        context.metrics.busy.inc()
        try:
            with context.presence.doing(job_id):
                claimed = supervisor.supervise(job_id, context)
            broke_off = False
            return claimed
        finally:
            context.metrics.busy.dec()
            after = _read(context.sessions, job_id)
            outcome = BROKE_OFF if broke_off else outcome_of(before, after)
            if before and outcome:
                code = after.code if after and outcome == after.state else ""
                _count(context.metrics, before.kind, outcome, code, time.monotonic() - started)


def outcome_of(before: JobRow | None, after: JobRow | None) -> str:
    """Empty if this worker made no attempt, or cannot know."""
    if before is None or before.state in FINISHED:
        return ""
    if after is None or after.attempts > before.attempts + 1:
        return LEASE_LOST
    if after.attempts == before.attempts:
        return ""
    if after.state == JobState.RUNNING:
        return LEASE_LOST
    return REQUEUED if after.state == JobState.QUEUED else after.state


def _count(metrics: WorkerMetrics, kind: str, outcome: str, code: str, seconds: float) -> None:
    metrics.attempts.labels(kind, outcome, code).inc()
    metrics.seconds.labels(kind).observe(seconds)


def _read(sessions: Sessions, job_id: str) -> JobRow | None:
    wanted = select(Job.kind, Job.state, Job.attempts, Job.error).where(Job.id == job_id)
    try:
        with sessions() as session:
            row = session.execute(wanted).one_or_none()
    except SQLAlchemyError as error:
        LOG.warning("an attempt is not counted: %s", error)
        return None
    if row is None:
        return None
    return JobRow(row.kind, row.state, row.attempts, (row.error or {}).get("code", ""))
