"""Tells the workers that a job waits. Nobody may depend on it: the reaper rings again for whatever
went unheard.
"""

import logging
from typing import Protocol

from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from service.contract.job import QUEUE, RUN_JOB
from service.contract.records import Job, Sessions, now

log = logging.getLogger(__name__)
SECONDS_TO_WAIT_FOR_REDIS = 1.0


class Notifier(Protocol):
    def notify(self, job_id: str) -> None:
        """Say that this job waits; call it after the commit. Never raises."""


class NoNotifier:
    """Embedded mode: the claim loop looks at the table several times a second by itself."""

    def notify(self, job_id: str) -> None:
        return None


class CeleryNotifier:
    """One message per job in Redis. A Redis that is down costs the request a second, not the job."""

    def __init__(self, redis_url: str, sessions: Sessions):
        self._sessions = sessions
        self._app = Celery(broker=redis_url, set_as_current=False)
        self._app.conf.broker_transport_options = {
            "socket_connect_timeout": SECONDS_TO_WAIT_FOR_REDIS,
            "socket_timeout": SECONDS_TO_WAIT_FOR_REDIS,
            "max_retries": 0,
        }

    def notify(self, job_id: str) -> None:
        try:
            self._app.send_task(
                RUN_JOB, args=[job_id], queue=QUEUE, ignore_result=True, retry=False
            )
            with self._sessions.begin() as session:
                session.execute(update(Job).where(Job.id == job_id).values(notified_at=now()))
        except (
            OperationalError,
            KombuError,
            CeleryError,
            RedisError,
            SQLAlchemyError,
            OSError,
        ) as error:
            log.warning("could not notify for %s, the reaper will: %s", job_id, error)


def open_notifier(redis_url: str, sessions: Sessions) -> Notifier:
    return CeleryNotifier(redis_url, sessions) if redis_url else NoNotifier()
