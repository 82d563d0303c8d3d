"""Compression jobs: created, read, cancelled, deleted. Every change of state is compare-and-set."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, defer

from service import audit, idempotency, paging, quotas, worker_time
from service.app_context import AppContext
from service.caller import Caller
from service.contract.deletions import schedule_deletion
from service.contract.errors import IllegalMove, NotFound, NotReady, Rejected
from service.contract.job import FINISHED, InspectionState, JobKind, JobState, states_before
from service.contract.job_end import end_job, state_event
from service.contract.job_views import NewJob
from service.contract.object_keys import job_prefix
from service.contract.records import DatasetRecord, Job, ModelRecord, Variant, now
from service.contract.report import PLOT_NAME
from service.ownership import owned, visible


@dataclass(frozen=True)
class JobWithVariants:
    """A job as its owner sees it."""

    job: Job
    variants: list[Variant]


@dataclass(frozen=True)
class Inputs:
    """Only jobs that use this model, this dataset, or both."""

    model_id: str | None = None
    dataset_id: str | None = None


def create(context: AppContext, caller: Caller, wanted: NewJob) -> JobWithVariants:
    """Queue a compression.

    Raises NotFound, NotReady or Rejected if model or dataset is missing, not ready or rejected,
    QuotaExceeded if the account has too many unfinished jobs or no worker minutes left.
    """
    with context.sessions.begin() as session:
        # This locks the account, and so model and dataset cannot be deleted meanwhile.
        taken = {"unfinished_jobs": 1, "worker_minutes": 0}
        quotas.take(session, context.settings, caller.account_id, **taken)
        job = _queue(session, caller.account_id, wanted)
        idempotency.note_created(session, caller, "jobs", job.id)
        audit.record(session, caller, "job.create", job.id)
    context.notifier.notify(job.id, job.device)
    return JobWithVariants(job, [])


def read(context: AppContext, caller: Caller, job_id: str) -> JobWithVariants:
    with context.sessions() as session:
        job = visible(session, Job, caller, job_id)
        if job.state != JobState.SUCCEEDED:
            return JobWithVariants(job, [])
        variants = session.scalars(select(Variant).where(Variant.job_id == job_id))
        return JobWithVariants(job, list(variants))


def browse(
    context: AppContext,
    caller: Caller,
    wanted: paging.PageRequest,
    filters: paging.Filters,
    inputs: Inputs,
) -> paging.Page[Job]:
    mine = (Job.account_id == caller.account_id, Job.kind == JobKind.COMPRESSION)
    query = select(Job).where(*mine, *filters.conditions(Job))
    if caller.job_id is not None:
        query = query.where(Job.id == caller.job_id)
    if inputs.model_id is not None:
        query = query.where(Job.model_id == inputs.model_id)
    if inputs.dataset_id is not None:
        query = query.where(Job.dataset_id == inputs.dataset_id)
    large = (defer(Job.report, raiseload=True), defer(Job.spec, raiseload=True))
    with context.sessions() as session:
        return paging.page(session, query.options(*large), Job, wanted)


def cancel(context: AppContext, caller: Caller, job_id: str) -> JobWithVariants:
    """End a queued job at once. A running one is ended by its worker, within half a second."""
    with context.sessions.begin() as session:
        if visible(session, Job, caller, job_id).state != JobState.CANCELLED:
            request_cancel(session, job_id)
            audit.record(session, caller, "job.cancel", job_id)
    context.delete_soon()
    return read(context, caller, job_id)


def remove(context: AppContext, caller: Caller, job_id: str) -> None:
    """Delete an ended job with its variants, events, report and files."""
    with context.sessions.begin() as session:
        quotas.lock_account(session, caller.account_id)
        # Locked: a worker may be ending it at this moment, and add its variants.
        if visible(session, Job, caller, job_id, lock=True).state not in FINISHED:
            hint = "Cancel it, wait until it has ended, then delete it."
            raise IllegalMove(f"Job {job_id} has not ended.", hint)
        delete_ended(session, caller.account_id, job_id)
        audit.record(session, caller, "job.delete", job_id)
    context.delete_soon()


def delete_ended(session: Session, account_id: str, job_id: str) -> None:
    """Delete a job that has ended, in this transaction, which has locked its account."""
    worker_time.keep(session, account_id, Job.id == job_id)
    session.execute(delete(Variant).where(Variant.job_id == job_id))
    session.execute(delete(Job).where(Job.id == job_id))
    schedule_deletion(session, job_prefix(job_id))


def plot(context: AppContext, caller: Caller, job_id: str, suffix: str) -> Iterator[bytes]:
    """The plot of accuracy over bytes as ``png`` or ``svg``."""
    job = succeeded(context, caller, job_id)
    try:
        return context.store.read(f"{job.artifacts_prefix}{PLOT_NAME}.{suffix}")
    except FileNotFoundError as error:
        raise NotFound(f"Job {job_id} has no plot as {suffix}.") from error


def succeeded(context: AppContext, caller: Caller, job_id: str) -> Job:
    """The job if it has succeeded; raises NotReady in every other state."""
    with context.sessions() as session:
        job = visible(session, Job, caller, job_id)
    if job.state == JobState.SUCCEEDED:
        return job
    if job.state in FINISHED:
        hint = "GET the job to see why it ended."
        raise NotReady(f"Job {job_id} is {job.state}, so it has no results.", hint)
    hint = "Watch its events and ask again when it has succeeded."
    raise NotReady(f"Job {job_id} is {job.state}.", hint)


def _queue(session: Session, account_id: str, wanted: NewJob) -> Job:
    model = owned(session, ModelRecord, account_id, wanted.model_id)
    dataset = owned(session, DatasetRecord, account_id, wanted.dataset_id)
    _check_ready(model, "model")
    _check_ready(dataset, "dataset")
    job = Job(
        account_id=account_id,
        name=wanted.name or model.name,
        labels=wanted.labels,
        priority=wanted.priority,
        device=wanted.device,
        model_id=wanted.model_id,
        dataset_id=wanted.dataset_id,
        spec=wanted.spec.model_dump(mode="json"),
    )
    session.add(job)
    model.last_used_at = dataset.last_used_at = now()
    session.flush()
    session.add(state_event(job.id, 0, JobState.QUEUED))
    return job


def request_cancel(session: Session, job_id: str) -> None:
    """``cancel``, in this transaction. Raises IllegalMove."""
    this = Job.id == job_id
    alive = Job.state.in_(states_before(JobState.CANCELLED))
    requested = update(Job).where(this, alive).values(cancel_requested=True)
    if session.scalar(requested.returning(Job.id)) is None:
        hint = "Only queued and running jobs can be cancelled."
        raise IllegalMove(f"Job {job_id} has ended already.", hint)
    if end_job(session, (this, Job.state == JobState.QUEUED), JobState.CANCELLED):
        # An earlier attempt may have left a checkpoint.
        schedule_deletion(session, job_prefix(job_id))


def _check_ready(record: ModelRecord | DatasetRecord, noun: str) -> None:
    if record.state == InspectionState.REJECTED:
        error = record.error or {}
        code = error.get("code", "rejected")
        message = f"The {noun} {record.id} was rejected ({code}): {error.get('message', '')}"
        raise Rejected(message, error.get("hint", ""), code)
    if record.state != InspectionState.READY:
        hint = f"Create the job once the {noun}'s state is ready."
        raise NotReady(f"The {noun} {record.id} is not inspected yet.", hint)
