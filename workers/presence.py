"""A worker's row in the database: that it is there, what it does, and whether it may go on."""

import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from service.contract.database_clock import database_now
from service.contract.records import Sessions, WorkerRecord
from service.contract.version import installed_version

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_BEATS = 5.0
SECONDS_REMEMBERED = 24 * 3600.0
"""After so long without a heartbeat the row of a worker that was killed goes."""


class Presence:
    """Without ``start`` it writes nothing. No failure of the database reaches the worker's work.

    ``sandbox`` is the level of the children's sandbox; set it before ``start``.
    """

    def __init__(self) -> None:
        host = socket.gethostname()
        self.sandbox = ""
        self.id = ""
        self._host, self._jobs, self._draining = host, list[str](), False
        self._sessions: Sessions | None = None
        self._stop = threading.Event()

    def start(self, sessions: Sessions) -> None:
        """Show this process from now on, by a thread."""
        # Here, not before a fork: each process has an id of its own.
        self.id = f"{self._host[:200]}-{secrets.token_hex(4)}"
        self._sessions = sessions
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def stop(self) -> None:
        """The row goes with the worker."""
        self._stop.set()
        self._write(self._remove)

    def draining(self) -> bool:
        """Whether an operator asked it to take no further job."""
        self._write(self._look)
        return self._draining

    @contextmanager
    def doing(self, job_id: str) -> Iterator[None]:
        self._jobs.append(job_id)
        self._write(self._beat)
        try:
            yield
        finally:
            self._jobs.remove(job_id)
            self._write(self._beat)

    def _run(self) -> None:
        self._write(self._beat)
        while not self._stop.wait(SECONDS_BETWEEN_BEATS):
            self._write(self._beat)

    def _write(self, what: Any) -> None:
        if self._sessions is None:
            return
        try:
            with self._sessions.begin() as session:
                what(session)
        except SQLAlchemyError as error:
            LOG.warning("the worker's row was not written: %s", error)

    def _beat(self, session: Any) -> None:
        this = WorkerRecord.id == self.id
        told = {"seen_at": database_now(), "job_id": next(iter(self._jobs), None)}
        change = update(WorkerRecord).where(this).values(told)
        if not self._stop.is_set() and session.execute(change).rowcount == 0:
            session.add(self._row())
        old = WorkerRecord.seen_at < database_now(-SECONDS_REMEMBERED)
        session.execute(delete(WorkerRecord).where(old))

    def _look(self, session: Any) -> None:
        asked = select(WorkerRecord.draining).where(WorkerRecord.id == self.id)
        self._draining = bool(session.scalar(asked))

    def _remove(self, session: Any) -> None:
        session.execute(delete(WorkerRecord).where(WorkerRecord.id == self.id))

    def _row(self) -> WorkerRecord:
        return WorkerRecord(
            id=self.id,
            host=self._host[:200],
            version=installed_version(),
            sandbox=self.sandbox,
            started_at=database_now(),
            seen_at=database_now(),
            job_id=next(iter(self._jobs), None),
            draining=self._draining,
        )
