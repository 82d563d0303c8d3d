"""Keeps the newest checkpoint in the store and its key in the job's row, also after an outage."""

import logging
import time

from sqlalchemy import select

from service.contract.deletions import schedule_deletion
from service.contract.object_keys import checkpoint_key
from service.contract.records import Job
from workers import delivery
from workers.attempt import Attempt
from workers.outcomes import Crashed, LeaseLost

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_TRIES = 2.0


class CheckpointKeeper:
    """When store or database are away, the training goes on, and ``tick`` tries again."""

    def __init__(self, attempt: Attempt):
        self._attempt, self._recorded = attempt, attempt.job.checkpoint_key
        self._epoch: int | None = None
        """Of the checkpoint that is still to be stored."""
        self._stored: str | None = None
        """Key of a checkpoint in the store that the row does not name yet."""
        self._next_try = 0.0

    def add(self, epoch: int) -> None:
        """The child has replaced its checkpoint by that of this epoch."""
        self._epoch = epoch
        self.tick()

    def finish(self) -> None:
        """The child has ended: keep its last checkpoint, if that is possible now."""
        self._next_try = 0.0
        self.tick()

    def tick(self) -> None:
        """Do what is left to do, if it is time. Raises LeaseLost."""
        nothing_left = self._epoch is None and self._stored is None
        if nothing_left or time.monotonic() < self._next_try:
            return
        started = time.monotonic()
        # However often a child says that it has one, a fifth of the time goes into storing them.
        pause = 0.0
        try:
            self._store()
            self._record()
        except LeaseLost:
            raise
        except Crashed as crash:
            LOG.warning("%s: checkpoint left out: %s", self._attempt.job.id, crash)
            self._epoch = None
        except Exception as error:
            LOG.warning("%s: checkpoint not kept yet: %s", self._attempt.job.id, error)
            pause = SECONDS_BETWEEN_TRIES
        now = time.monotonic()
        self._next_try = now + max(pause, 4 * (now - started))

    def _store(self) -> None:
        if self._epoch is None:
            return
        lease = self._attempt.lease
        key = checkpoint_key(lease.job_id, lease.attempt, self._epoch)
        delivery.store_checkpoint(self._attempt.folder, self._attempt.context.store, key)
        unnamed, self._stored, self._epoch = self._stored, key, None
        if unnamed not in (None, key):
            self._attempt.context.store.delete(str(unnamed))

    def _record(self) -> None:
        """Write the key; from here on, failures count anew."""
        key = self._stored
        if key is None:
            return
        lease = self._attempt.lease
        try:
            with lease.fenced(checkpoint_key=key, failures=1, postponed_since=None) as session:
                if self._recorded not in (None, key):
                    schedule_deletion(session, str(self._recorded))
        except LeaseLost:
            with lease.sessions.begin() as session:
                # The row names it if only the answer to an earlier commit was lost.
                named = select(Job.checkpoint_key).where(Job.id == lease.job_id)
                if session.scalar(named) != key:
                    schedule_deletion(session, key)
            raise
        self._recorded, self._stored = key, None
