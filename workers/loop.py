"""The embedded mode's worker: it reads the table, and does one compression at a time.

    python -m workers.loop [PARENT]

It ends with the process PARENT, by default the process that started it.
"""

import logging
import os
import signal
import sys
import threading
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from service.contract import logs
from service.contract.settings import Settings
from workers import lanes
from workers.attempt_folders import sweep_attempt_folders
from workers.claim_order import next_compression, next_inspection
from workers.compression.parent_death import signal_at_parents_death
from workers.machine import device_of, prepare_machine
from workers.presence import Presence
from workers.worker_context import ENGINE, WorkerContext, open_worker_context

LOG = logging.getLogger(__name__)


class Stop:
    """A flag for a signal handler: unlike an Event it has no lock, which could be held already."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self, *_: object) -> None:
        self.requested = True

    def __call__(self) -> bool:
        return self.requested


def work(context: WorkerContext) -> None:
    """Do inspections beside the compressions, until the worker is told to stop."""
    pause = context.settings.poll_seconds
    inspections = threading.Thread(target=lanes.work, args=(context, next_inspection, pause))
    inspections.start()
    lanes.work(context, partial(next_compression, worker=context.presence.device), pause)
    inspections.join()


def main(command: tuple[str, ...] = ENGINE) -> None:
    """Work until SIGTERM, or until the parent process ends; then requeue a running job."""
    settings = Settings()
    logs.configure(settings.log_format, "worker")
    stop, parent = Stop(), os.getppid()
    if len(sys.argv) > 1:
        # Given rather than looked up: the process that started this one may have ended by now.
        parent = int(sys.argv[1])
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)
    signal_at_parents_death(signal.SIGTERM)
    if os.getppid() != parent:
        return
    presence = Presence()
    presence.sandbox, presence.device = prepare_machine(settings), device_of(settings)
    context = open_worker_context(settings, stopping=stop, command=command, presence=presence)
    context.metrics.serve(settings)
    try:
        sweep_attempt_folders(context)
    except SQLAlchemyError:
        LOG.exception("old work folders were not looked at; the next start does it")
    presence.start(context.sessions)
    work(context)
    presence.stop()


if __name__ == "__main__":
    main()
