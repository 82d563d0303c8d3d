"""Production's worker: ``celery -A workers.tasks worker --pool prefork --concurrency 1``.

The message is only a notifier with the job's id; the row is the truth. One process per job, since a job
uses the whole machine; prefork rather than solo, so that the main process goes on answering Redis,
health checks and SIGTERM while its one pool process supervises. TensorFlow is imported in neither,
only in the child: a fork of it would hang.
"""

import functools
import logging
import multiprocessing
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutting_down
from kombu.exceptions import ChannelError, OperationalError

from service.contract.job import QUEUE, RUN_JOB
from service.contract.settings import Settings
from workers import reaper
from workers.compression.parent_death import signal_at_parents_death
from workers.lease import claimable_inspections
from workers.supervisor import supervise
from workers.worker_context import WorkerContext, open_worker_context, refuse_unfit_machine

LOG = logging.getLogger(__name__)
HOUR = 3600

settings = Settings()
# Shared with the pool process across the fork, and without a lock, because a signal handler writes
# it.
stop = multiprocessing.RawValue("b", 0)

# Redis gives a message that is not acknowledged in this time to another worker, again and again:
# longer than any job.
redelivery = {
    "visibility_timeout": max(24 * HOUR, int(settings.job_timeout_seconds) + HOUR),
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
app = Celery("l2c", broker=settings.redis_url or None, set_as_current=False)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options=redelivery,
    visibility_timeout=redelivery["visibility_timeout"],
    task_default_queue=QUEUE,
    task_ignore_result=True,
    # Acknowledged when done, so that a worker's death leaves the message in Redis ...
    task_acks_late=True,
    # ... but not handed out again at once when a job kills its worker: the lease and the attempt
    # cap decide that.
    task_reject_on_worker_lost=False,
    # A worker that is busy for hours keeps no second message from an idle one.
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
)


@app.task(name=RUN_JOB)
def run_job(job_id: str) -> None:
    """Inspections first, as in the embedded loop; their own messages will find them done."""
    for each in (*claimable_inspections(worker_context().sessions), job_id):
        supervise(each, worker_context())


@functools.cache
def worker_context() -> WorkerContext:
    """Of this process; opened after the fork, since connections do not survive one."""
    return open_worker_context(settings, notify=notify, stopping=lambda: bool(stop.value))


def send(job_id: str) -> None:
    app.send_task(RUN_JOB, [job_id], queue=QUEUE, retry=False)


def notify(job_id: str) -> None:
    """Once a job is back in the queue. When Redis is down the reaper rings later."""
    try:
        reaper.notify(worker_context().sessions, send, job_id)
    except OperationalError as error:
        LOG.warning("%s: the notifier is out of order: %s", job_id, error)


def waiting_messages() -> int:
    with app.connection_for_write() as connection:
        try:
            return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)
        except ChannelError:
            return 0  # Redis has no empty lists: the queue comes into being with its first message


@worker_init.connect
def _refuse_to_start(**_: Any) -> None:
    """Here, since in the pool or in a thread an exit would only look like a crash, and the message
    would be lost.
    """
    if not settings.redis_url:
        raise SystemExit("L2C_REDIS_URL is not set; without Redis, run `python -m workers.loop`.")
    refuse_unfit_machine(settings)


@worker_process_init.connect
def _die_with_the_main_process(**_: Any) -> None:
    signal_at_parents_death()


@worker_shutting_down.connect
def _give_the_job_back(**_: Any) -> None:
    stop.value = 1


@worker_ready.connect
def _start_reaper(**_: Any) -> None:
    threading.Thread(target=_reap, daemon=True, name="reaper").start()


def _reap() -> None:
    """In the main process of every worker: no beat to run, and several reapers only notify twice."""
    own = None
    pause = threading.Event()
    while not stop.value:
        try:
            own = own or open_worker_context(settings)
            for job_id in reaper.jobs_to_notify(
                own.sessions, waiting_messages(), settings.reap_seconds
            ):
                LOG.info("%s: ringing again", job_id)
                reaper.notify(own.sessions, send, job_id)
            reaper.sweep_work_folders(own)
        except Exception:
            LOG.exception("the reaper could not do its round")
        pause.wait(settings.reap_seconds)
