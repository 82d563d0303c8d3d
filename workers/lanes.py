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
    """Whether there was a job, and nothing that keeps this worker from it."""
    job_id = next_job(context.sessions)
    if job_id is None:
        return False
    if obstacle := obstacles.find(context):
        LOG.warning("taking no job: %s", obstacle)
        time.sleep(PAUSE_AFTER_ERROR_SECONDS)
        return False
    supervise(job_id, context)
    return True
