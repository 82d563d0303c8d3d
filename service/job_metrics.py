"""Figures of the job table, read at each scrape.

All API processes tell the same: take the maximum of them, not the sum.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, and_, func, not_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.contract.claiming import ACTIVE, ORPHANED, WAITING
from service.contract.devices import Device
from service.contract.job import JobKind, JobState
from service.contract.records import Job, Sessions, now

log = logging.getLogger(__name__)
RECENTLY = timedelta(hours=1)
Lane = tuple[str, str]
"""Kind and device."""
LANE = (Job.kind, Job.device)


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
    yield _of_lanes("l2c_jobs_waiting", "Jobs that a worker may take.", _counts(session, waiting))
    yield _of_lanes(
        "l2c_jobs_oldest_waiting_seconds",
        "Age of the oldest of them.",
        {lane: (now() - first).total_seconds() for lane, first in _oldest(session, waiting)},
    )
    yield _of_lanes(
        "l2c_jobs_held",
        "Queued jobs that no worker may take now.",
        _counts(session, queued, not_(waiting)),
    )
    yield _of_lanes("l2c_jobs_running", "Jobs of a worker.", _counts(session, running))
    yield _of_lanes(
        "l2c_jobs_lease_expired",
        "Jobs whose worker sends no heartbeats, and that no other has taken.",
        _counts(session, ORPHANED),
    )


def _ended(session: Session, since: datetime) -> GaugeMetricFamily:
    labels = ("kind", "state", "code")
    family = GaugeMetricFamily("l2c_jobs_ended_last_hour", "Ended jobs by outcome.", labels=labels)
    code = func.coalesce(Job.error["code"].as_string(), "")
    wanted = select(Job.kind, Job.state, code, func.count()).group_by(Job.kind, Job.state, code)
    for kind, state, said, count in session.execute(wanted.where(Job.finished_at > since)):
        family.add_metric([kind, state, said], count)
    return family


def _counts(session: Session, *where: ColumnElement[bool]) -> dict[Lane, float]:
    wanted = select(*LANE, func.count()).where(*where).group_by(*LANE)
    return {(kind, device): count for kind, device, count in session.execute(wanted)}


def _oldest(session: Session, where: ColumnElement[bool]) -> list[tuple[Lane, datetime]]:
    wanted = select(*LANE, func.min(Job.created_at)).where(where).group_by(*LANE)
    return [((kind, device), first) for kind, device, first in session.execute(wanted)]


def _of_lanes(name: str, text: str, figures: dict[Lane, float]) -> GaugeMetricFamily:
    """With 0 for those that have no job."""
    family = GaugeMetricFamily(name, text, labels=("kind", "device"))
    for kind, device in product(JobKind, Device):
        if kind == JobKind.COMPRESSION or device == Device.ANY:
            family.add_metric([kind, device], figures.get((kind, device), 0))
    return family
