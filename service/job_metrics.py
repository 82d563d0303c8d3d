"""Figures of the job table, read at each scrape.

All API processes tell the same: take the maximum of them, not the sum.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, and_, func, not_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.contract.claiming import ACTIVE, ORPHANED, WAITING
from service.contract.job import FINISHED, JobKind, JobState
from service.contract.records import Job, Sessions, now

log = logging.getLogger(__name__)
RECENTLY = timedelta(hours=1)


class JobCollector(Collector):
    def __init__(self, sessions: Sessions):
        self._sessions = sessions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with self._sessions() as session:
                figures = [*_unfinished(session), _ended(session, now() - RECENTLY)]
        except SQLAlchemyError as error:
            log.warning("no figures of jobs, because the database does not answer: %s", error)
            figures = []
        yield from figures
        answers = 1 if figures else 0
        yield GaugeMetricFamily("l2c_database_up", "1 if the database answers.", answers)


def _unfinished(session: Session) -> Iterator[GaugeMetricFamily]:
    queued, running = Job.state == JobState.QUEUED, Job.state == JobState.RUNNING
    waiting = and_(WAITING, ACTIVE)
    yield _of_kinds("l2c_jobs_waiting", "Jobs that a worker may take.", _counts(session, waiting))
    yield _of_kinds(
        "l2c_jobs_oldest_waiting_seconds",
        "Age of the oldest of them.",
        {kind: (now() - first).total_seconds() for kind, first in _oldest(session, waiting)},
    )
    yield _of_kinds(
        "l2c_jobs_held",
        "Queued jobs that no worker may take now.",
        _counts(session, queued, not_(waiting)),
    )
    yield _of_kinds("l2c_jobs_running", "Jobs of a worker.", _counts(session, running))
    yield _of_kinds(
        "l2c_jobs_lease_expired",
        "Jobs whose worker sends no heartbeats, and that no other has taken.",
        _counts(session, ORPHANED),
    )


def _ended(session: Session, since: datetime) -> GaugeMetricFamily:
    labels = ("kind", "state", "code")
    family = GaugeMetricFamily("l2c_jobs_ended_last_hour", "Ended jobs by outcome.", labels=labels)
    code = func.coalesce(Job.error["code"].as_string(), "")
    wanted = select(Job.kind, Job.state, code, func.count()).group_by(Job.kind, Job.state, code)
    for kind, state, said, count in session.execute(
        wanted.where(Job.state.in_(FINISHED), Job.finished_at > since)
    ):
        family.add_metric([kind, state, said], count)
    return family


def _counts(session: Session, *where: ColumnElement[bool]) -> dict[str, float]:
    wanted = select(Job.kind, func.count()).where(*where).group_by(Job.kind)
    return {kind: count for kind, count in session.execute(wanted)}


def _oldest(session: Session, where: ColumnElement[bool]) -> list[tuple[str, datetime]]:
    wanted = select(Job.kind, func.min(Job.created_at)).where(where).group_by(Job.kind)
    return [(kind, first) for kind, first in session.execute(wanted)]


def _of_kinds(name: str, text: str, figures: dict[str, float]) -> GaugeMetricFamily:
    """With 0 for the kinds that have no job."""
    family = GaugeMetricFamily(name, text, labels=("kind",))
    for kind in JobKind:
        family.add_metric([kind], figures.get(kind, 0))
    return family
