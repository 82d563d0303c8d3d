"""When keys were last used, written by a thread of its own: no request waits for it."""

import logging
import threading
from datetime import timedelta

from sqlalchemy import or_, update

from service.contract.records import ApiKey, Sessions, now

log = logging.getLogger(__name__)
BETWEEN_WRITES = timedelta(minutes=1)


class KeyUses:
    """Keeps ``last_used_at`` true to the minute with at most one write a minute for each key.

    What a request has read of its key tells whether a write is due, so that no process needs to
    remember keys, and several processes do not write more than one.
    """

    def __init__(self, sessions: Sessions):
        self._sessions = sessions
        self._noted: set[str] = set()
        self._changed = threading.Lock()
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is noted, and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def note(self, key: ApiKey) -> None:
        """The key was used now."""
        if key.last_used_at is None or key.last_used_at < now() - BETWEEN_WRITES:
            # The key stays in memory for some seconds: its next requests need no write.
            key.last_used_at = now()
            with self._changed:
                self._noted.add(key.id)
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            with self._changed:
                noted, self._noted = self._noted, set()
            try:
                self._write(noted)
            except Exception:
                # The next request with one of these keys notes it again.
                log.exception("could not write when keys were last used")

    def _write(self, key_ids: set[str]) -> None:
        moment = now()
        earlier = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment - BETWEEN_WRITES)
        with self._sessions.begin() as session:
            due = update(ApiKey).where(ApiKey.id.in_(key_ids), earlier)
            session.execute(due.values(last_used_at=moment))
