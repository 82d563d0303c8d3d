"""From the child's progress lines to event rows: a few a second, yet the last of every stage and
epoch.
"""

import logging
import time

from sqlalchemy.exc import OperationalError

from service.contract.records import JobEvent
from workers.child_messages import Progress
from workers.lease import Lease

LOG = logging.getLogger(__name__)
PAUSE_SECONDS = 0.25
MOST_EVENTS = 20_000


class Relay:
    """Holds back what comes too fast; a later line replaces the one held back, unless that ended a
    stage or an epoch.

    After MOST_EVENTS of one attempt only the job's row goes on, so that a chatty child cannot fill
    the database.
    """

    def __init__(self, lease: Lease):
        self.lease = lease
        self._held: Progress | None = None
        self._written = 0
        self._last = -PAUSE_SECONDS

    def say(self, word: Progress) -> None:
        if self._held and (self._held.stage, self._held.epoch) != (word.stage, word.epoch):
            self.flush()
        self._held = word
        self.tick()

    def tick(self) -> None:
        """Write what is held back, if it is time."""
        if time.monotonic() - self._last >= PAUSE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held back. Raises LeaseLost."""
        if self._held is None:
            return
        word, self._last = self._held, time.monotonic()
        seen = {"stage": word.stage, "progress": word.progress, "eta_seconds": word.eta_seconds}
        try:
            with self.lease.fenced(**seen) as session:
                if self._written < MOST_EVENTS:
                    session.add(self._event(word))
        except OperationalError as error:
            LOG.warning("%s: progress waits for the database: %s", self.lease.job_id, error)
            return
        self._held, self._written = None, self._written + 1

    def _event(self, word: Progress) -> JobEvent:
        return self.lease.event(
            "progress", word.model_dump(mode="json", exclude={"type"}, exclude_none=True)
        )
