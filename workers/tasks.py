"""Production's worker: ``celery -A workers.tasks worker --pool prefork --concurrency 1``.

A message only says that a job waits; the job's row is the truth. One compression at a time, since
it uses the whole machine; a thread of the main process does inspections beside it. Prefork rather
than solo, so that the main process goes on answering Redis, health checks and SIGTERM while its one
pool process supervises. Neither imports TensorFlow, only the child does: a fork of a process that
has used it hangs.
"""

import functools
import logging
import multiprocessing
import threading
from functools import partial
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from kombu.exceptions import ChannelError
from kombu.exceptions import OperationalError as BrokerError

from service.contract import logs
from service.contract.devices import RUN_JOB, Device, queue_of, taken_by
from service.contract.records import Sessions, connect, sessions
from service.contract.settings import Settings
from workers import lanes, reaper
from workers.attempt_folders import sweep_attempt_folders
from workers.claim_order import next_compression, next_inspection
from workers.compression.parent_death import signal_at_parents_death
from workers.machine import device_of, prepare_machine
from workers.metrics import WorkerMetrics
from workers.presence import Presence
from workers.worker_context import WorkerContext, open_worker_context

LOG = logging.getLogger(__name__)
HOUR = 3600
SECONDS_BETWEEN_LOOKS = 1.0
# The child has a second to end after SIGTERM.
SECONDS_TO_GIVE_BACK = 10.0

settings = Settings()
device = device_of(settings)
metrics = WorkerMetrics()
presence = Presence()
# Shared with the pool process across the fork; without a lock, because a signal handler sets it.
stop = multiprocessing.RawValue("b", 0)

# A message that is not acknowledged in this time is given to another worker, again and again: so
# it has to be longer than any job.
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
    task_queues={queue_of(each): {} for each in taken_by(device)},
    task_ignore_result=True,
    # Acknowledge after the job, so that a worker that is killed does not lose the message.
    task_acks_late=True,
    # When the pool process dies, do not send the message again: the lease and the limit of attempts
    # decide whether the job is tried again.
    task_reject_on_worker_lost=False,
    # A worker that is busy for hours must not hold a second message that an idle one could take.
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
)


@app.task(name=RUN_JOB)
def run_job(job_id: str) -> None:
    """Do the job whose turn it is, which need not be the one that the message names.

    As many messages as jobs are sent, and the reaper sends those that were lost.
    """
    lanes.supervise_next(worker_context(), partial(next_compression, worker=device))


@functools.cache
def worker_context() -> WorkerContext:
    """The context of this process; opened after the fork, which connections do not survive."""
    return open_worker_context(
        settings,
        notify=notify_workers,
        stopping=lambda: bool(stop.value),
        metrics=metrics,
        presence=presence,
    )


def send(job_id: str, wanted: str) -> None:
    app.send_task(RUN_JOB, [job_id], queue=queue_of(wanted), retry=False)


def notify_workers(job_id: str) -> None:
    """Tell the workers of a job that was requeued."""
    try:
        reaper.send_and_record(worker_context().sessions, send, job_id)
    except BrokerError as error:
        LOG.warning("%s: could not notify workers; the reaper will retry: %s", job_id, error)


def waiting_messages(wanted: Device) -> int:
    with app.connection_for_write() as connection:
        try:
            declared = connection.default_channel.queue_declare(queue_of(wanted), passive=True)
            return int(declared.message_count)
        except ChannelError:
            return 0  # Redis has no empty lists: the queue exists from its first message on


@setup_logging.connect
def _log_in_our_format(loglevel: int | str = logging.INFO, **_: Any) -> None:
    logs.configure(settings.log_format, "worker", loglevel)


@worker_init.connect
def _refuse_to_start(**_: Any) -> None:
    # Celery sets up logging later only, and what this machine lacks or has would not be told.
    logs.configure(settings.log_format, "worker")
    # Checked before the pool starts: an exit of a pool process would look like a crash, and the
    # message would be lost.
    if not settings.redis_url:
        raise SystemExit("L2C_REDIS_URL is not set; without Redis, run `python -m workers.loop`.")
    presence.sandbox, presence.device = prepare_machine(settings), device


@worker_process_init.connect
def _die_with_the_main_process(**_: Any) -> None:
    signal_at_parents_death()
    # Of this process, because it makes the attempts.
    metrics.serve(settings)
    # Not of worker_context(), which asks the store: Celery kills a process that starts slowly.
    presence.start(sessions(connect(settings.database)))


@worker_process_shutdown.connect
def _leave(**_: Any) -> None:
    presence.stop()


@worker_shutting_down.connect
def _ask_to_stop(**_: Any) -> None:
    stop.value = 1


@worker_ready.connect
def _start_threads(**_: Any) -> None:
    threading.Thread(target=_reap, daemon=True, name="reaper").start()
    inspections.start()


@worker_shutdown.connect
def _give_inspection_back(**_: Any) -> None:
    if inspections.is_alive():
        inspections.join(SECONDS_TO_GIVE_BACK)


def _inspect() -> None:
    """The lane of inspections, in the main process: the pool process may have a compression."""
    # Not ``worker_context()``: a pool process that is forked later would get its connections.
    own = open_worker_context(
        settings,
        stopping=lambda: bool(stop.value),
        metrics=metrics,
        presence=Presence(beside=presence),
    )
    own.presence.start(own.sessions)
    lanes.work(own, next_inspection, SECONDS_BETWEEN_LOOKS)


def _reap() -> None:
    """Runs in the main process of every worker; several reapers do no harm."""
    own = None
    pause = threading.Event()
    while not stop.value:
        try:
            own = own or open_worker_context(settings)
            for each in Device:
                _notify_again(own.sessions, each)
            sweep_attempt_folders(own)
        except Exception:
            LOG.exception("the reaper failed; it tries again")
        pause.wait(settings.reap_seconds)


def _notify_again(sessions: Sessions, wanted: Device) -> None:
    waiting = waiting_messages(wanted)
    for job_id in reaper.jobs_to_notify(sessions, wanted, waiting, settings.reap_seconds):
        LOG.info("%s: notifying again", job_id)
        reaper.send_and_record(sessions, send, job_id)


inspections = threading.Thread(target=_inspect, daemon=True, name="inspections")
