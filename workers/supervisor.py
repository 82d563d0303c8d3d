"""One attempt at one job, from the claim to its end. Celery's task and the embedded loop both call
``supervise``.
"""

import contextlib
import errno
import logging
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from service.contract.job import JobError, JobKind, JobState
from service.contract.records import Job
from service.contract.storage import attempt_prefix, checkpoint_key, upload_prefix
from workers import delivery, outcome_writes, sandbox
from workers.child import Child
from workers.child_messages import Checkpoint, Progress, Refusal, parse_line
from workers.lease import Lease, claim
from workers.outcomes import Cancelled, Crashed, LeaseLost, Refused, Stopping
from workers.relay import Relay
from workers.watch import Watch
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)
TICK_SECONDS = 0.1
LINGER_SECONDS = 10.0
REFUSED_STATUS = 2
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

TIMED_OUT = JobError(
    code="timed_out",
    message="The job took longer than this service allows.",
    hint="Choose a lower effort or fewer images, or ask the operator to raise L2C_JOB_TIMEOUT_SECONDS.",
)
DISK_FULL = JobError(
    code="disk_full",
    message="The worker's disk is full.",
    hint="Ask the operator to free space, then submit the job again.",
)


def supervise(job_id: str, context: WorkerContext) -> None:
    """Do the job unless somebody else does; every way it can end is in its row when this returns."""
    claimed = claim(context.sessions, job_id, context.settings.lease_seconds)
    if claimed is None:
        LOG.info("%s: finished, or another worker has it", job_id)
        return
    lease, job = claimed
    LOG.info("%s: attempt %d", job_id, lease.attempt)
    with contextlib.suppress(LeaseLost), Watch(lease, context.stopping) as watch:
        _settle(lease, job, watch, context)


def _settle(lease: Lease, job: Job, watch: Watch, context: WorkerContext) -> None:
    try:
        _attempt(lease, job, watch, context)
    except Cancelled:
        outcome_writes.cancel(lease, job)
    except Refused as refusal:
        LOG.info("%s: %s", job.id, refusal)
        outcome_writes.fail(lease, job, refusal.error)
    except Stopping:
        outcome_writes.requeue(lease, counted=False)
        context.notify(job.id)
        return
    except Crashed as crash:
        LOG.error("%s: attempt %d crashed: %s", job.id, lease.attempt, crash)
        if lease.attempt < context.settings.max_attempts:
            outcome_writes.requeue(lease, counted=True)
            context.notify(job.id)
            return
        outcome_writes.fail(lease, job, crash.error)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        LOG.error("%s: %s", job.id, error)
        outcome_writes.fail(lease, job, DISK_FULL)
    _tidy_store(lease, job, context)


def _attempt(lease: Lease, job: Job, watch: Watch, context: WorkerContext) -> None:
    if job.cancel_requested:
        raise Cancelled
    if lease.attempt > context.settings.max_attempts:
        raise Refused(Crashed("no worker survived it").error)
    with _work_folder(lease, context) as box:
        _work(lease, job, box, watch, context)


def _work(lease: Lease, job: Job, box: Path, watch: Watch, context: WorkerContext) -> None:
    delivery.fetch_inputs(job, context.sessions, context.store, box, watch.check)
    if delivery.restore_checkpoint(job, context.store, box):
        LOG.info("%s: goes on from %s", job.id, job.checkpoint_key)
    _run_child(lease, job, box, watch, context)
    report = delivery.read_report(box)
    if job.kind != JobKind.COMPRESSION:
        outcome_writes.describe(lease, job, report)
        return
    prefix = attempt_prefix(job.id, lease.attempt)
    published = delivery.publish(report, box, context.store, prefix)
    try:
        watch.check()
        outcome_writes.succeed(lease, job, published)
    except LeaseLost:
        context.store.delete(prefix)
        raise


def _run_child(lease: Lease, job: Job, box: Path, watch: Watch, context: WorkerContext) -> None:
    """Until the child has exited with success. Raises every ending."""
    child = Child(sandbox.start(context.command, box, context.limits))
    try:
        watch.guard(child)
        refusal = _listen(child, lease, job, box, watch, context)
        status = child.wait(LINGER_SECONDS)
    finally:
        child.end()
    watch.check()
    if status == 0:
        return
    LOG.warning("%s: the child ended with %d\n%s", job.id, status, child.tail())
    if status == REFUSED_STATUS and refusal:
        raise Refused(JobError(code=refusal.code, message=refusal.message, hint=refusal.hint))
    raise Crashed(f"exit status {status}", _hint(status))


def _listen(
    child: Child, lease: Lease, job: Job, box: Path, watch: Watch, context: WorkerContext
) -> Refusal | None:
    """Pass on what the child says until it has no more to say; its refusal, if that came last."""
    relay, checkpoints = Relay(lease), Checkpoints(lease, job.checkpoint_key, box, context)
    deadline = time.monotonic() + context.settings.job_timeout_seconds
    word = None
    for line in child.lines(TICK_SECONDS):
        watch.check()
        if time.monotonic() > deadline:
            raise Refused(TIMED_OUT)
        relay.tick()
        if line is None or (parsed := parse_line(line)) is None:
            continue
        word = parsed
        if isinstance(word, Progress):
            relay.say(word)
        elif isinstance(word, Checkpoint):
            checkpoints.take(word.epoch)
    relay.flush()
    return word if isinstance(word, Refusal) else None


class Checkpoints:
    """Keeps the newest checkpoint in the store, and its key in the job's row; the one before it
    goes.
    """

    def __init__(self, lease: Lease, newest: str | None, box: Path, context: WorkerContext):
        self.lease, self.newest, self.box, self.context = lease, newest, box, context

    def take(self, epoch: int) -> None:
        """A checkpoint that cannot be stored costs its epoch at the next crash, and nothing now."""
        key = checkpoint_key(self.lease.job_id, self.lease.attempt, epoch)
        try:
            delivery.take_checkpoint(self.box, self.context.store, key)
            with self.lease.fenced(checkpoint_key=key):
                old, self.newest = self.newest, key
        except LeaseLost:
            self.context.store.delete(key)
            raise
        except Exception:
            LOG.exception("%s: checkpoint of epoch %d not stored", self.lease.job_id, epoch)
            return
        if old and old != key:
            self.context.store.delete(old)


def _hint(status: int) -> str:
    if status == -signal.SIGKILL:
        return "It was killed, most likely for want of memory: use fewer or smaller images, or a worker with more memory."
    return ""


@contextlib.contextmanager
def _work_folder(lease: Lease, context: WorkerContext) -> Iterator[Path]:
    """A folder for this attempt and, in it, the child's box; what an earlier attempt left here goes
    first.
    """
    for leftover in context.settings.work_dir.glob(f"{lease.job_id}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = context.settings.work_dir / f"{lease.job_id}.{lease.token}"
    box = folder / "box"
    box.mkdir(parents=True)
    try:
        yield box
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tidy_store(lease: Lease, job: Job, context: WorkerContext) -> None:
    """Once a job is over, only what its row names may stay in the store, and of a rejected upload
    nothing.
    """
    with context.sessions() as session:
        over = session.get_one(Job, lease.job_id)
    kept = over.artifacts_prefix
    attempts = [attempt_prefix(lease.job_id, number) for number in range(1, lease.attempt + 1)]
    for prefix in (f"jobs/{lease.job_id}/checkpoints/", *attempts):
        if prefix != kept:
            context.store.delete(prefix)
    if job.kind != JobKind.COMPRESSION and over.state != JobState.SUCCEEDED:
        for upload in delivery.uploads(job, context.sessions).values():
            context.store.delete(upload_prefix(upload.id))
