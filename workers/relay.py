"""Writes the child's progress as event rows: a few per second, and the last of each epoch."""

import logging
import time

from service.contract.records import JobEvent
from workers.child_messages import ProgressMessage
from workers.lease import Lease
from workers.outcomes import DATABASE_AWAY

LOG = logging.getLogger(__name__)
# As often as the event stream looks at the table.
PAUSE_SECONDS = 0.25
MOST_EVENTS = 20_000


class Relay:
    """Holds a message back when it comes too fast; a later one of the same epoch replaces it.

    After MOST_EVENTS of one attempt only the job's row is updated, so that a child that prints too
    much cannot fill the database.
    """

    def __init__(self, lease: Lease):
        self.lease = lease
        self._held: ProgressMessage | None = None
        self._written = 0
        self._last = -PAUSE_SECONDS

    def add(self, message: ProgressMessage) -> None:
        if self._held and (self._held.stage, self._held.epoch) != (message.stage, message.epoch):
            self.flush()
        self._held = message
        self.tick()

    def tick(self) -> None:
        """Write what is held back, if it is time."""
        if time.monotonic() - self._last >= PAUSE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held back. Raises LeaseLost."""
        if self._held is None:
            return
        message, self._last = self._held, time.monotonic()
        seen = {
            "stage": message.stage,
            "progress": message.progress,
            "eta_seconds": message.eta_seconds,
        }
        try:
            with self.lease.fenced(**seen) as session:
                if self._written < MOST_EVENTS:
                    session.add(self._event(message))
        except DATABASE_AWAY as error:
            LOG.warning("%s: progress waits for the database: %s", self.lease.job_id, error)
            return
        self._held, self._written = None, self._written + 1

    def _event(self, message: ProgressMessage) -> JobEvent:
        data = message.model_dump(mode="json", exclude={"type"}, exclude_none=True)
        return self.lease.progress_event(data)
