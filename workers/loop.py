"""The embedded mode's worker: it claims jobs from the table, one at a time.

    python -m workers.loop [PARENT]

It ends with the process PARENT, by default the process that started it.
"""

import logging
import os
import signal
import sys
import threading

from service.contract import logs
from service.contract.settings import Settings
from workers import obstacles
from workers.attempt_folders import sweep_attempt_folders
from workers.compression.parent_death import signal_at_parents_death
from workers.lease import next_claimable
from workers.machine import prepare_machine
from workers.observing import supervise
from workers.presence import Presence
from workers.worker_context import ENGINE, WorkerContext, open_worker_context

LOG = logging.getLogger(__name__)
PAUSE_AFTER_ERROR_SECONDS = 5.0


class Stop:
    """A flag for a signal handler: unlike an Event it has no lock, which could be held already."""

    def __init__(self) -> None:
        self.requested = False

    def ask(self, *_: object) -> None:
        self.requested = True

    def __call__(self) -> bool:
        return self.requested


def work(context: WorkerContext) -> None:
    """Supervise the next claimable job, again and again, until the worker is told to stop."""
    pause = threading.Event()
    while not context.stopping():
        try:
            job_id = next_claimable(context.sessions)
            if job_id and (obstacle := obstacles.find(context)):
                LOG.warning("taking no job: %s", obstacle)
                pause.wait(PAUSE_AFTER_ERROR_SECONDS)
                continue
            if job_id:
                supervise(job_id, context)
                continue
        except Exception:
            # The row keeps its lease: once that has run out, the job is tried again.
            LOG.exception("the attempt broke off; the loop goes on")
            pause.wait(PAUSE_AFTER_ERROR_SECONDS)
        pause.wait(context.settings.poll_seconds)


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
    presence.sandbox = prepare_machine(settings)
    context = open_worker_context(settings, stopping=stop, command=command, presence=presence)
    context.metrics.serve(settings)
    sweep_attempt_folders(context)
    presence.start(context.sessions)
    work(context)
    presence.stop()


if __name__ == "__main__":
    main()
