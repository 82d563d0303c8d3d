"""Compression jobs: submitted, watched, cancelled. The row is the truth; every move is
compare-and-set.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from service import paging
from service.app_context import AppContext
from service.contract.errors import IllegalMove, NotFound, NotReady
from service.contract.job import FINISHED, InspectionState, JobKind, JobState, states_before
from service.contract.records import DatasetRecord, Job, JobEvent, ModelRecord, Variant, now
from service.contract.storage import job_prefix
from service.contract.views import NewJob
from service.jobs.inspections import DATASETS, MODELS, owned

PLOT = "accuracy_over_bytes"


@dataclass(frozen=True)
class JobWithVariants:
    """A job as its owner sees it."""

    job: Job
    variants: list[Variant]


def submit(context: AppContext, account_id: str, wanted: NewJob) -> JobWithVariants:
    """Queue a compression; raises NotReady while the model or the dataset is being inspected or was
    rejected.
    """
    try:
        with context.sessions.begin() as session:
            job = _queue(session, account_id, wanted)
    except IntegrityError as error:
        raise NotFound("The model or the dataset was deleted meanwhile.") from error
    context.notifier.notify(job.id)
    return JobWithVariants(job, [])


def read(context: AppContext, account_id: str, job_id: str) -> JobWithVariants:
    with context.sessions() as session:
        job = _owned(session, account_id, job_id)
        return JobWithVariants(
            job, list(session.scalars(select(Variant).where(Variant.job_id == job_id)))
        )


def browse(context: AppContext, account_id: str, wanted: paging.Wanted) -> paging.Page[Job]:
    with context.sessions() as session:
        mine = select(Job).where(Job.account_id == account_id, Job.kind == JobKind.COMPRESSION)
        return paging.page(session, mine.options(defer(Job.report, raiseload=True)), Job, wanted)


def cancel(context: AppContext, account_id: str, job_id: str) -> JobWithVariants:
    """A queued job ends here; a running one is ended by its supervisor, which looks several times a
    second.
    """
    with context.sessions.begin() as session:
        if _owned(session, account_id, job_id).state != JobState.CANCELLED:
            _request_cancel(session, job_id)
    found = read(context, account_id, job_id)
    if found.job.state == JobState.CANCELLED:
        context.store.delete(job_prefix(job_id))
    return found


def plot(context: AppContext, account_id: str, job_id: str, suffix: str) -> Iterator[bytes]:
    """The plot of accuracy over bytes as ``png`` or ``svg``."""
    job = finished(context, account_id, job_id)
    try:
        return context.store.read(f"{job.artifacts_prefix}{PLOT}.{suffix}")
    except FileNotFoundError as error:
        raise NotFound(f"Job {job_id} has no plot as {suffix}.") from error


def finished(context: AppContext, account_id: str, job_id: str) -> Job:
    """The job once it has succeeded; raises NotReady before, and for ever when it failed or was
    cancelled.
    """
    with context.sessions() as session:
        job = _owned(session, account_id, job_id)
    if job.state in FINISHED - {JobState.SUCCEEDED}:
        raise NotReady(
            f"Job {job_id} is {job.state}, so it has no results.",
            "GET the job to see why it ended.",
        )
    if job.state != JobState.SUCCEEDED:
        raise NotReady(
            f"Job {job_id} is {job.state}.", "Watch its events and ask again when it has succeeded."
        )
    return job


def _queue(session: Session, account_id: str, wanted: NewJob) -> Job:
    _check_ready(owned(session, MODELS, account_id, wanted.model_id), MODELS.noun)
    _check_ready(owned(session, DATASETS, account_id, wanted.dataset_id), DATASETS.noun)
    job = Job(
        account_id=account_id,
        model_id=wanted.model_id,
        dataset_id=wanted.dataset_id,
        spec=wanted.spec.model_dump(mode="json"),
    )
    session.add(job)
    session.flush()
    session.add(_state_event(job.id, JobState.QUEUED))
    return job


def _request_cancel(session: Session, job_id: str) -> None:
    this = Job.id == job_id
    alive = Job.state.in_(states_before(JobState.CANCELLED))
    if (
        session.scalar(
            update(Job).where(this, alive).values(cancel_requested=True).returning(Job.id)
        )
        is None
    ):
        raise IllegalMove(
            f"Job {job_id} has ended already.", "Only queued and running jobs can be cancelled."
        )
    ended = {
        "state": JobState.CANCELLED,
        "stage": JobState.CANCELLED,
        "eta_seconds": None,
        "finished_at": now(),
    }
    ended |= {"checkpoint_key": None}
    queued = (
        update(Job)
        .where(this, Job.state == JobState.QUEUED)
        .values(**ended)
        .returning(Job.attempts)
    )
    if (attempts := session.scalar(queued)) is not None:
        session.add(_state_event(job_id, JobState.CANCELLED, attempts))


def _check_ready(record: ModelRecord | DatasetRecord, noun: str) -> None:
    if record.state == InspectionState.REJECTED:
        error = record.error or {}
        why = f"{error.get('code', 'rejected')}: {error.get('message', '')}"
        raise NotReady(
            f"The {noun} {record.id} was rejected ({why})",
            error.get("hint") or f"Upload another {noun}.",
        )
    if record.state != InspectionState.READY:
        raise NotReady(
            f"The {noun} {record.id} is still being inspected.",
            "Submit again when its state is ready.",
        )


def _state_event(job_id: str, state: JobState, attempt: int = 0) -> JobEvent:
    return JobEvent(job_id=job_id, attempt=attempt, type="state", data={"state": state})


def _owned(session: Session, account_id: str, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None or job.account_id != account_id or job.kind != JobKind.COMPRESSION:
        raise NotFound(f"There is no job {job_id}.")
    return job
