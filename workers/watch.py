"""The heartbeat of one attempt: a thread that keeps the lease and notices when to stop."""

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
# How late a cancelled job's child is ended at most.
LOOK_SECONDS = 0.25


class Watch(threading.Thread):
    """Reads the job's row four times a second and extends the lease at a third of its length.

    When it notices a reason to stop it ends the child at once; ``check`` raises the reason in the
    main thread. While the database does not answer, the child goes on: nobody else can claim the
    job then, and whoever claims it afterwards takes this lease away.
    """

    def __init__(self, lease: Lease, stopping: Callable[[], bool]):
        super().__init__(daemon=True, name=f"watch-{lease.job_id}")
        self.lease = lease
        self.stopping = stopping
        self.child: Child | None = None
        self.outcome: Outcome | None = None
        self._finished = threading.Event()
        self._extend_at = time.monotonic() + lease.seconds / 3

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self.join()

    def check(self) -> None:
        """Raise the outcome that was noticed, if any."""
        if self.outcome:
            raise self.outcome

    def guard(self, child: Child) -> None:
        """End this child when there is a reason to stop; at once if there is one already."""
        self.child = child
        if self.outcome:
            child.end()

    def run(self) -> None:
        pause = min(LOOK_SECONDS, self.lease.seconds / 6)
        while self.outcome is None and not self._finished.wait(pause):
            self.outcome = self._look()
        if self.outcome and self.child:
            self.child.end()

    def _look(self) -> Outcome | None:
        if self.stopping():
            return Stopping()
        try:
            if time.monotonic() > self._extend_at:
                self.lease.extend()
                self._extend_at = time.monotonic() + self.lease.seconds / 3
            with self.lease.sessions() as session:
                ours = select(Job.cancel_requested).where(*self.lease.ours)
                cancelled = session.scalar(ours)
        except LeaseLost as lost:
            return lost
        except SQLAlchemyError as error:
            LOG.warning("%s: no heartbeat: %s", self.lease.job_id, error)
            return None
        if cancelled is None:
            return LeaseLost(self.lease.job_id)
        return Cancelled() if cancelled else None
