"""The embedded mode's worker: it takes jobs straight from the table, one at a time.

    python -m workers.loop [PARENT]

It ends with the process PARENT, by default whatever started it.
"""

import logging
import os
import signal
import sys
import threading

from service.contract.settings import Settings
from workers.compression.parent_death import signal_at_parents_death
from workers.lease import next_claimable
from workers.reaper import sweep_work_folders
from workers.supervisor import supervise
from workers.worker_context import ENGINE, WorkerContext, open_worker_context, refuse_unfit_machine

LOG = logging.getLogger(__name__)
PAUSE_AFTER_TROUBLE_SECONDS = 5.0


class Stop:
    """A flag that a signal handler may set: unlike an Event, it takes no lock that the interrupted
    code might hold.
    """

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_: object) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


def work(context: WorkerContext) -> None:
    """Supervise the next claimable job, again and again, until the worker_context says that it is
    stopping.
    """
    pause = threading.Event()
    while not context.stopping():
        try:
            job_id = next_claimable(context.sessions)
            if job_id:
                supervise(job_id, context)
                continue
        except Exception:
            # The row keeps its lease, so the job is tried again, and the attempt counts, once that
            # has run out.
            LOG.exception("trouble; the loop goes on")
            pause.wait(PAUSE_AFTER_TROUBLE_SECONDS)
        pause.wait(context.settings.poll_seconds)


def main(command: tuple[str, ...] = ENGINE) -> None:
    """Work until SIGTERM or the end of the process that started this one, and give a running job
    back then.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(levelname)s %(message)s")
    # Told rather than asked for: by now the starter may be gone, and another process the parent.
    stop, parent = Stop(), int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)
    signal_at_parents_death(signal.SIGTERM)
    if os.getppid() != parent:
        return
    settings = Settings()
    refuse_unfit_machine(settings)
    context = open_worker_context(settings, stopping=stop, command=command)
    sweep_work_folders(context)
    work(context)


if __name__ == "__main__":
    main()
