"""A worker's lanes: in each it does one job after the other, read from the table."""

import logging
import time

from workers import obstacles
from workers.claim_order import NextJob
from workers.observing import supervise
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)
PAUSE_AFTER_ERROR_SECONDS = 5.0


def work(context: WorkerContext, next_job: NextJob, pause_seconds: float) -> None:
    """Supervise the next job, again and again, until the worker is told to stop.

    ``pause_seconds`` lie between two looks at a table without a job.
    """
    while not context.stopping():
        seconds = pause_seconds
        try:
            if supervise_next(context, next_job):
                continue
        except Exception:
            # The row keeps its lease: once that has run out, the job is tried again.
            LOG.exception("the attempt broke off; the worker goes on")
            seconds = PAUSE_AFTER_ERROR_SECONDS
        time.sleep(seconds)


def supervise_next(context: WorkerContext, next_job: NextJob) -> bool:
    """Whether there was a job for this worker, and nothing that keeps it from that.

    In a burst several workers choose the same job. All but one choose again: a message of Celery
    is used up, and nobody would tell them soon of another job.
    """
    if next_job(context.sessions) is None:
        return False
    if obstacle := obstacles.find(context):
        LOG.warning("taking no job: %s", obstacle)
        time.sleep(PAUSE_AFTER_ERROR_SECONDS)
        return False
    # Chosen after that check: it takes time, in which others would take the chosen one.
    while job_id := next_job(context.sessions):
        if supervise(job_id, context):
            return True
    return False
