"""A worker's row in the database: that it is there, what it does, and whether it may go on."""

import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import String, case, delete, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from service.contract.database_clock import database_now
from service.contract.devices import Device
from service.contract.records import Sessions, WorkerRecord
from service.contract.version import installed_version

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_BEATS = 5.0
SECONDS_REMEMBERED = 24 * 3600.0
"""After so long without a heartbeat the row of a worker that was killed goes."""


class Presence:
    """Without ``start`` it writes nothing. No failure of the database reaches the worker's work.

    ``sandbox`` is the level of the children's sandbox, ``device`` the worker's; set them before
    ``start``.
    With ``beside`` it is of another process of the same worker: both tell their jobs in one row,
    which only the first makes and removes.
    """

    def __init__(self, beside: "Presence | None" = None) -> None:
        self._host = socket.gethostname()
        self.id: str = beside.id if beside else f"{self._host[:200]}-{secrets.token_hex(4)}"
        self.sandbox: str = beside.sandbox if beside else ""
        self.device: Device = beside.device if beside else Device.CPU
        self._owner, self._draining = beside is None, False
        self._jobs, self._recent = list[str](), deque[str](maxlen=10)
        self._sessions: Sessions | None = None
        self._stop = threading.Event()

    def start(self, sessions: Sessions) -> None:
        """Show this process from now on, by a thread."""
        self._sessions = sessions
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def stop(self) -> None:
        """The row goes with the worker."""
        self._stop.set()
        if self._owner:
            self._write(self._remove)

    def draining(self) -> bool:
        """Whether an operator asked it to take no further job."""
        self._write(self._look)
        return self._draining

    @contextmanager
    def doing(self, job_id: str) -> Iterator[None]:
        self._recent.append(job_id)
        self._jobs.append(job_id)
        self._write(self._beat)
        try:
            yield
        finally:
            self._jobs.remove(job_id)
            self._write(self._beat)

    def _run(self) -> None:
        if self._owner:
            self._write(self._clear)
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

    def _clear(self, session: Any) -> None:
        """Forget the job of a process that had this row and was killed."""
        this = WorkerRecord.id == self.id
        session.execute(update(WorkerRecord).where(this).values(job_id=None))

    def _beat(self, session: Any) -> None:
        this, job = WorkerRecord.id == self.id, next(iter(self._jobs), None)
        # Not over the job of another process.
        free = or_(WorkerRecord.job_id.is_(None), WorkerRecord.job_id.in_(list(self._recent)))
        told = case((free, literal(job, String)), else_=WorkerRecord.job_id)
        seen_at = database_now() if self._owner else WorkerRecord.seen_at
        change = update(WorkerRecord).where(this).values(seen_at=seen_at, job_id=told)
        if self._stop.is_set():
            return
        if session.execute(change).rowcount == 0 and self._owner:
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
            device=self.device,
            started_at=database_now(),
            seen_at=database_now(),
            job_id=next(iter(self._jobs), None),
            draining=self._draining,
        )
