"""One attempt at one job, from the claim to its end.

Celery's task and the embedded loop both call ``supervise``.
"""

import logging
import time
from collections.abc import Callable
from functools import partial

from service.contract.deletions import run_scheduled_deletions
from service.contract.errors import StoreUnavailable
from service.contract.job import JobKind
from service.contract.object_keys import attempt_prefix
from service.contract.records import Job
from workers import delivery, obstacles, outcome_writes
from workers.attempt import Attempt
from workers.attempt_folders import attempt_folder
from workers.child_run import run_child
from workers.lease import Lease, claim
from workers.outcomes import (
    DATABASE_AWAY,
    ENGINE_CRASHED,
    Cancelled,
    Crashed,
    LeaseLost,
    Outcome,
    Postponed,
    Refused,
    Stopping,
    outcome_of,
)
from workers.time_limits import TimeLimits
from workers.watch import Watch
from workers.worker_context import WorkerContext

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_TRIES = 1.0
# Results are worth a wait; after it the job goes back, and its last epoch is trained again.
SECONDS_TO_PUBLISH = 600.0

Write = Callable[[], object]


def supervise(job_id: str, context: WorkerContext) -> bool:
    """Make one attempt at the job, unless another worker has it; whether it was made.

    Afterwards the job has ended, is queued again, or another worker has it. An unexpected error is
    raised; then the job is tried again when the lease has run out.
    """
    seconds = context.settings.lease_seconds
    claimed = claim(context.sessions, job_id, seconds, context.presence.sandbox)
    if claimed is None:
        LOG.info("%s: finished, waiting, or another worker has it", job_id)
        return False
    lease, job = claimed
    LOG.info("%s: attempt %d", job_id, lease.attempt)
    try:
        with Watch(lease, context.stopping) as watch:
            _insist(_attempt(context, lease, job, watch), context)
    except LeaseLost:
        _insist(partial(outcome_writes.abandon, lease), context)
    if not context.stopping():
        _delete_what_is_scheduled(context)
    return True


def _delete_what_is_scheduled(context: WorkerContext) -> None:
    try:
        run_scheduled_deletions(context.sessions, context.store)
    except DATABASE_AWAY as error:
        # The attempt has ended well; the API runs these deletions, too.
        LOG.warning("scheduled deletions wait for the database: %s", error)


def _insist(write: Write, context: WorkerContext) -> None:
    """Write how the attempt ended, also when the database is away at this moment.

    Nobody else can claim the job meanwhile. A worker that is told to stop waits no longer; the job
    is then tried again when its lease has run out.
    """
    while True:
        try:
            write()
            return
        except DATABASE_AWAY as error:
            if context.stopping():
                raise
            LOG.warning("the end of an attempt waits for the database: %s", error)
        time.sleep(SECONDS_BETWEEN_TRIES)


def _attempt(context: WorkerContext, lease: Lease, job: Job, watch: Watch) -> Write:
    """Make the attempt; returns what is to be written at its end."""
    try:
        if job.cancel_requested:
            raise Cancelled
        if job.failures > context.settings.max_attempts:
            # Each of them ended with its worker.
            raise Refused(ENGINE_CRASHED)
        obstacles.require_space(context, job)
        with attempt_folder(lease, context) as folder:
            return _work(Attempt(context, lease, job, watch, folder))
    except Exception as error:
        outcome = outcome_of(error)
        if outcome is None:
            raise
        LOG.info("%s: %s %s", job.id, type(outcome).__name__, outcome)
        return partial(_record, context, lease, job, outcome)


def _record(context: WorkerContext, lease: Lease, job: Job, outcome: Outcome) -> None:
    """Write how an attempt ended that did not succeed."""
    settings = context.settings
    match outcome:
        case Cancelled():
            outcome_writes.cancel(lease, job)
        case Refused():
            outcome_writes.fail(lease, job, outcome.error, keep_upload=not outcome.by_child)
        case Stopping():
            outcome_writes.give_back(lease)
            context.notify(lease.job_id)
        case Postponed():
            outcome_writes.postpone(lease, job, outcome.error, settings)
        case Crashed():
            outcome_writes.retry(lease, job, outcome.error, settings)
        case _:
            raise outcome


def _work(attempt: Attempt) -> Write:
    """Fetch the inputs, run the child, store what it made; returns the write that ends the job."""
    context, lease, job = attempt.context, attempt.lease, attempt.job
    folder, store = attempt.folder, context.store
    input_bytes = delivery.fetch_inputs(job, context, folder, attempt.watch.check)
    if delivery.restore_checkpoint(job, store, folder):
        LOG.info("%s: goes on from %s", job.id, job.checkpoint_key)
    run_child(attempt, TimeLimits(attempt, input_bytes))
    report = delivery.read_report(folder)
    if job.kind != JobKind.COMPRESSION:
        description = delivery.checked_description(job, report)
        return partial(outcome_writes.finish_inspection, lease, job, description)
    prefix = attempt_prefix(job.id, lease.attempt)
    deadline = time.monotonic() + SECONDS_TO_PUBLISH
    published = delivery.publish(
        report, folder, store, prefix, partial(_wait_for_store, attempt, deadline)
    )
    attempt.watch.check()
    return partial(outcome_writes.succeed, lease, job, published)


def _wait_for_store(attempt: Attempt, deadline: float, error: StoreUnavailable) -> None:
    """Wait a moment before a file is stored again; raises the error after the deadline."""
    if time.monotonic() > deadline:
        raise error
    LOG.warning("%s: its results wait for the store: %s", attempt.job.id, error)
    time.sleep(SECONDS_BETWEEN_TRIES)
    attempt.watch.check()
