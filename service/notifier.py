"""Tells the workers that a job waits. Best effort: the reaper notifies again for lost messages."""

import logging
from typing import Protocol

from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from service.contract.database_clock import database_now
from service.contract.devices import RUN_JOB, queue_of
from service.contract.records import Job, Sessions

log = logging.getLogger(__name__)
# The request has succeeded already, so its client must not wait for Redis.
SECONDS_TO_WAIT_FOR_REDIS = 1.0


class Notifier(Protocol):
    def notify(self, job_id: str, device: str) -> None:
        """Tell a worker that this job, for ``device``, waits.

        Call it after the commit. Never raises.
        """


class NoNotifier:
    """Embedded mode: the claim loop reads the table several times a second."""

    def notify(self, job_id: str, device: str) -> None:
        return None


class CeleryNotifier:
    """One message per job in Redis. While Redis is down a request takes a second longer."""

    def __init__(self, redis_url: str, sessions: Sessions):
        self._sessions = sessions
        self._app = Celery(broker=redis_url, set_as_current=False)
        self._app.conf.broker_transport_options = {
            "socket_connect_timeout": SECONDS_TO_WAIT_FOR_REDIS,
            "socket_timeout": SECONDS_TO_WAIT_FOR_REDIS,
            "max_retries": 0,
        }

    def notify(self, job_id: str, device: str) -> None:
        try:
            queue = queue_of(device)
            self._app.send_task(
                RUN_JOB, args=[job_id], queue=queue, ignore_result=True, retry=False
            )
            with self._sessions.begin() as session:
                session.execute(
                    update(Job).where(Job.id == job_id).values(notified_at=database_now())
                )
        except (
            OperationalError,
            KombuError,
            CeleryError,
            RedisError,
            SQLAlchemyError,
            OSError,
        ) as error:
            log.warning("could not notify workers of %s; the reaper will retry: %s", job_id, error)


def open_notifier(redis_url: str, sessions: Sessions) -> Notifier:
    if redis_url:
        return CeleryNotifier(redis_url, sessions)
    return NoNotifier()
