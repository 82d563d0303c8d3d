"""The heartbeat of one attempt: a thread that keeps the lease and notices when the work has become
pointless.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service.contract.records import Job
from workers.child import Child
from workers.lease import Lease
from workers.outcomes import Cancelled, LeaseLost, Outcome, Stopping

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 0.25


class Watch(threading.Thread):
    """Looks at the row four times a second and extends the lease three times in its length.

    On the first ending that it notices it ends the child, wherever the main thread is; ``check``
    raises it there. When the database does not answer for a whole lease, the lease counts as lost:
    another worker may hold it.
    """

    def __init__(self, lease: Lease, stopping: Callable[[], bool]):
        super().__init__(daemon=True, name=f"watch-{lease.job_id}")
        self.lease = lease
        self.stopping = stopping
        self.child: Child | None = None
        self.ending: Outcome | None = None
        self._over = threading.Event()
        self._valid_until = time.monotonic() + lease.seconds

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def check(self) -> None:
        """Raises the ending that was noticed, if any."""
        if self.ending:
            raise self.ending

    def guard(self, child: Child) -> None:
        """End this child, too, when an ending comes; at once if it has come."""
        self.child = child
        if self.ending:
            child.end()

    def run(self) -> None:
        while self.ending is None and not self._over.wait(
            min(LOOK_SECONDS, self.lease.seconds / 6)
        ):
            self.ending = self._look()
        if self.ending and self.child:
            self.child.end()

    def _look(self) -> Outcome | None:
        if self.stopping():
            return Stopping()
        left = self._valid_until - time.monotonic()
        try:
            if left < self.lease.seconds * 2 / 3:
                self.lease.extend()
                self._valid_until = time.monotonic() + self.lease.seconds
            with self.lease.sessions() as session:
                row = select(Job.cancel_requested).where(Job.id == self.lease.job_id)
                return Cancelled() if session.scalar(row) else None
        except LeaseLost as lost:
            return lost
        except SQLAlchemyError as error:
            LOG.warning(
                "%s: no heartbeat, %.0f s of the lease left: %s", self.lease.job_id, left, error
            )
            return LeaseLost(self.lease.job_id) if left <= 0 else None
