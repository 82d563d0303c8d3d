"""One attempt at one job, from the claim to its end.

Celery's task and the embedded loop both call ``supervise``.
"""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from service.contract.deletions import run_scheduled_deletions, schedule_deletion
from service.contract.job import JobError, JobKind
from service.contract.object_keys import attempt_prefix, checkpoint_key
from service.contract.records import Job
from service.contract.storage import NO_SPACE
from workers import delivery, outcome_writes, sandbox
from workers.attempt_folders import attempt_folder
from workers.child import Child
from workers.child_messages import (
    CheckpointMessage,
    Message,
    ProgressMessage,
    RefusalMessage,
    parse_line,
)
from workers.compression.work_folder import DONE, REFUSED
from workers.lease import Lease, claim
from workers.outcomes import ENGINE_CRASHED, Cancelled, Crashed, LeaseLost, Refused, Stopping
from workers.relay import Relay
from workers.watch import Watch
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)
TICK_SECONDS = 0.1
# A child that has closed stdout may still be shutting down.
LINGER_SECONDS = 10.0

TIMED_OUT = JobError(
    code="timed_out",
    message="The job took longer than this service allows.",
    hint="Choose a lower effort or fewer images, or ask the operator to raise "
    "L2C_JOB_TIMEOUT_SECONDS.",
)
DISK_FULL = JobError(
    code="disk_full",
    message="The worker's disk is full.",
    hint="Ask the operator to free space, then create the job again.",
)
OUT_OF_MEMORY_HINT = (
    "It was killed, most likely because memory ran out: use fewer or smaller images, or a worker "
    "with more memory."
)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job: its lease, its row at the claim, the child's work folder."""

    context: WorkerContext
    lease: Lease
    job: Job
    watch: Watch
    folder: Path


def supervise(job_id: str, context: WorkerContext) -> None:
    """Make one attempt at the job, unless another worker has it.

    Afterwards the job has ended, is queued again, or another worker has it. An unexpected error is
    raised; then the job is tried again when the lease has run out.
    """
    claimed = claim(context.sessions, job_id, context.settings.lease_seconds)
    if claimed is None:
        LOG.info("%s: finished, or another worker has it", job_id)
        return
    lease, job = claimed
    LOG.info("%s: attempt %d", job_id, lease.attempt)
    try:
        with Watch(lease, context.stopping) as watch:
            _try_and_record(context, lease, job, watch)
    except LeaseLost:
        # Its number is not given out again, so these files are nobody else's.
        with context.sessions.begin() as session:
            schedule_deletion(session, attempt_prefix(job.id, lease.attempt))
    if not context.stopping():
        run_scheduled_deletions(context.sessions, context.store)


def _try_and_record(context: WorkerContext, lease: Lease, job: Job, watch: Watch) -> None:
    """Make the attempt, and write how it ended."""
    try:
        if job.cancel_requested:
            raise Cancelled
        if lease.attempt > context.settings.max_attempts:
            # Each of them ended with its worker.
            raise Refused(ENGINE_CRASHED)
        with attempt_folder(lease, context) as folder:
            _work(Attempt(context, lease, job, watch, folder))
    except Cancelled:
        outcome_writes.cancel(lease, job)
    except Refused as refusal:
        LOG.info("%s: %s", job.id, refusal)
        outcome_writes.fail(lease, job, refusal.error)
    except Stopping:
        _requeue(context, lease, counted=False)
    except Crashed as crash:
        LOG.error("%s: attempt %d crashed: %s", job.id, lease.attempt, crash)
        if lease.attempt < context.settings.max_attempts:
            _requeue(context, lease, counted=True)
        else:
            outcome_writes.fail(lease, job, crash.error)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        LOG.error("%s: %s", job.id, error)
        outcome_writes.fail(lease, job, DISK_FULL)


def _requeue(context: WorkerContext, lease: Lease, counted: bool) -> None:
    outcome_writes.requeue(lease, counted)
    context.notify(lease.job_id)


def _work(attempt: Attempt) -> None:
    """Fetch the inputs, run the child, publish what it made."""
    context, lease, job = attempt.context, attempt.lease, attempt.job
    folder, store = attempt.folder, context.store
    delivery.fetch_inputs(job, context.sessions, store, folder, attempt.watch.check)
    if delivery.restore_checkpoint(job, store, folder):
        LOG.info("%s: goes on from %s", job.id, job.checkpoint_key)
    _run_child(attempt)
    report = delivery.read_report(folder)
    if job.kind != JobKind.COMPRESSION:
        outcome_writes.finish_inspection(lease, job, delivery.checked_description(job, report))
        return
    published = delivery.publish(report, folder, store, attempt_prefix(job.id, lease.attempt))
    attempt.watch.check()
    outcome_writes.succeed(lease, job, published)


def _run_child(attempt: Attempt) -> None:
    """Return when the child has exited with success; raises every other outcome."""
    context, job_id = attempt.context, attempt.job.id
    child = Child(sandbox.start(context.command, attempt.folder, context.limits))
    try:
        attempt.watch.guard(child)
        last = _relay_messages(child, attempt)
        status = child.wait(LINGER_SECONDS)
    finally:
        child.end()
    attempt.watch.check()
    if status == DONE:
        return
    LOG.warning("%s: the child ended with %d\n%s", job_id, status, child.tail())
    if status == REFUSED and isinstance(last, RefusalMessage):
        raise Refused(JobError(code=last.code, message=last.message, hint=last.hint))
    if status == -signal.SIGKILL:
        raise Crashed("killed", OUT_OF_MEMORY_HINT)
    raise Crashed(f"exit status {status}")


def _relay_messages(child: Child, attempt: Attempt) -> Message | None:
    """Pass on the child's messages until it closes stdout; return the last one."""
    relay, checkpoints = Relay(attempt.lease), CheckpointKeeper(attempt)
    deadline = time.monotonic() + attempt.context.settings.job_timeout_seconds
    last = None
    for line in child.lines(TICK_SECONDS):
        attempt.watch.check()
        if time.monotonic() > deadline:
            raise Refused(TIMED_OUT)
        relay.tick()
        if line is None or (message := parse_line(line)) is None:
            continue
        last = message
        if isinstance(message, ProgressMessage):
            relay.add(message)
        elif isinstance(message, CheckpointMessage):
            checkpoints.store(message.epoch)
    relay.flush()
    return last


class CheckpointKeeper:
    """Keeps the newest checkpoint in the store and its key in the job's row."""

    def __init__(self, attempt: Attempt):
        self.attempt, self.newest = attempt, attempt.job.checkpoint_key

    def store(self, epoch: int) -> None:
        """Store the checkpoint of an epoch and delete the one before it.

        When this fails the training goes on. A crash before the next checkpoint then loses more
        epochs.
        """
        lease, store = self.attempt.lease, self.attempt.context.store
        key = checkpoint_key(lease.job_id, lease.attempt, epoch)
        try:
            delivery.store_checkpoint(self.attempt.folder, store, key)
            with lease.fenced(checkpoint_key=key) as session:
                if self.newest not in (None, key):
                    schedule_deletion(session, str(self.newest))
            self.newest = key
        except LeaseLost:
            with lease.sessions.begin() as session:
                schedule_deletion(session, key)
            raise
        except Exception:
            LOG.exception("%s: checkpoint of epoch %d not stored", lease.job_id, epoch)
