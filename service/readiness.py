"""Whether the service can do its work: one thread asks, so that no request waits for the answer."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import select

from service.contract.database_clock import database_now
from service.contract.errors import Unavailable
from service.contract.records import Sessions, WorkerRecord
from service.contract.storage import Store

log = logging.getLogger(__name__)
SECONDS_BETWEEN_CHECKS = 2.0
SECONDS_UNTIL_STALE = 10.0
SECONDS_UNTIL_GONE = 60.0


class Readiness:
    """Asks the database and the store every two seconds."""

    def __init__(self, sessions: Sessions, store: Store):
        self._sessions = sessions
        self._asking = "database"
        self._problem = "The database and the object store have not been asked yet."
        self._asked_at = time.monotonic()
        self.sandboxes: tuple[str, ...] = ()
        """Levels of the sandboxes of the workers that were seen in the last minute."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self._checks: dict[str, Callable[[], None]] = {
            "database": self._ask_database,
            "object store": store.check,
        }

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def require(self) -> None:
        """Raise Unavailable if the last check failed, or if it does not come to an end."""
        if time.monotonic() - self._asked_at > SECONDS_UNTIL_STALE:
            raise Unavailable(f"The {self._asking} does not answer.")
        if self._problem:
            raise Unavailable(self._problem)

    def _run(self) -> None:
        while not self._stop.is_set():
            problem = self._find_problem()
            if problem and problem != self._problem:
                log.warning("not ready: %s", problem)
            self._problem, self._asked_at = problem, time.monotonic()
            self._stop.wait(SECONDS_BETWEEN_CHECKS)

    def _find_problem(self) -> str:
        for name, ask in self._checks.items():
            self._asking = name
            try:
                ask()
            except Exception as error:
                log.debug("the %s does not answer", name, exc_info=error)
                return f"The {name} does not answer."
        return ""

    def _ask_database(self) -> None:
        with self._sessions() as session:
            recent = WorkerRecord.seen_at > database_now(-SECONDS_UNTIL_GONE)
            levels = select(WorkerRecord.sandbox).where(recent).distinct()
            self.sandboxes = tuple(sorted(session.scalars(levels)))
