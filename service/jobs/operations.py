"""What an operator does with jobs and workers of all accounts, straight in the database."""

from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from service import audit, quotas, worker_time
from service.contract.database_clock import database_now
from service.contract.errors import Conflict, IllegalMove, NotFound
from service.contract.job import InspectionState, JobKind, JobState
from service.contract.job_end import state_event
from service.contract.object_keys import checkpoints_prefix
from service.contract.operator_views import OperatorJob, WorkerView
from service.contract.records import (
    Account,
    DatasetRecord,
    Deletion,
    Job,
    ModelRecord,
    Sessions,
    UploadPart,
    WorkerRecord,
)
from service.jobs.jobs import request_cancel

LOST_AFTER = timedelta(seconds=30)
"""Several heartbeats of a worker."""


class JobOperations:
    """Methods raise NotFound for what does not exist."""

    def __init__(self, sessions: Sessions):
        self._sessions = sessions

    def list_jobs(self, state: str | None, account: str | None, limit: int) -> list[OperatorJob]:
        """Newest first, with inspections."""
        query = select(Job, Account.name).join(Account, Account.id == Job.account_id)
        if state is not None:
            query = query.where(Job.state == state)
        if account is not None:
            query = query.where(Account.name == account)
        query = query.order_by(Job.created_at.desc(), Job.id).limit(limit)
        with self._sessions() as session:
            return [_view(job, name) for job, name in session.execute(query)]

    def cancel(self, job_id: str) -> OperatorJob:
        """As its owner would. Raises IllegalMove for a job that has ended, or an inspection."""
        with self._sessions.begin() as session:
            job = _compression(session, job_id)
            request_cancel(session, job_id)
            _record(session, job, "job.cancel")
        return self._read(job_id)

    def requeue(self, job_id: str) -> OperatorJob:
        """Put a failed job back into the queue, as if it had never failed.

        Raises IllegalMove for another state, Conflict if its model or dataset is gone.
        """
        with self._sessions.begin() as session:
            quotas.lock_account(session, _compression(session, job_id).account_id)
            job = session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
            if job.state != JobState.FAILED:
                raise IllegalMove(f"Job {job_id} is {job.state}.", "Only failed jobs can go back.")
            _require_inputs(session, job)
            worker_time.keep(session, job.account_id, Job.id == job_id)
            # Else one that waits since the failure would delete checkpoints to come.
            old = Deletion.prefix == checkpoints_prefix(job_id)
            session.execute(delete(Deletion).where(old))
            session.execute(update(Job).where(Job.id == job_id).values(_again()))
            session.add(state_event(job_id, job.attempts, JobState.QUEUED))
            _record(session, job, "job.requeue")
        return self._read(job_id)

    def list_workers(self) -> list[WorkerView]:
        """Newest first."""
        query = select(WorkerRecord).order_by(WorkerRecord.started_at.desc(), WorkerRecord.id)
        with self._sessions() as session:
            moment = session.scalars(select(database_now())).one()
            rows = session.scalars(query)
            return [_worker(row, moment - row.seen_at > LOST_AFTER) for row in rows]

    def drain(self, worker_id: str) -> WorkerView:
        """The worker finishes its job and takes no other, until it is started again."""
        change = update(WorkerRecord).where(WorkerRecord.id == worker_id).values(draining=True)
        with self._sessions.begin() as session:
            if session.scalar(change.returning(WorkerRecord.id)) is None:
                hint = "`l2c admin workers list` shows them."
                raise NotFound(f"There is no worker {worker_id}.", hint)
        return next(each for each in self.list_workers() if each.id == worker_id)

    def _read(self, job_id: str) -> OperatorJob:
        with self._sessions() as session:
            job = session.get_one(Job, job_id)
            return _view(job, session.get_one(Account, job.account_id).name)


def _compression(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.", "`l2c admin jobs list` shows them.")
    if job.kind != JobKind.COMPRESSION:
        hint = "The owner can delete what it inspects, or have it inspected again."
        raise IllegalMove(f"{job_id} is an inspection.", hint)
    return job


def _require_inputs(session: Session, job: Job) -> None:
    wanted: tuple[tuple[Any, str | None, str], ...] = (
        (ModelRecord, job.model_id, "model"),
        (DatasetRecord, job.dataset_id, "dataset"),
    )
    for table, record_id, noun in wanted:
        record = session.get(table, record_id) if record_id else None
        parts = exists().where(UploadPart.upload_id == record.upload_id) if record else None
        ready = record is not None and record.state == InspectionState.READY
        if parts is None or not ready or not session.scalar(select(parts)):
            hint = "It must be uploaded again, for a new job."
            raise Conflict(f"The {noun} of job {job.id} is not there any more.", hint)


def _again() -> dict[str, Any]:
    nothing = ("error", "finished_at", "started_at", "not_before", "postponed_since")
    return {
        **dict.fromkeys((*nothing, "notified_at")),
        "state": JobState.QUEUED,
        "stage": "queued",
        "progress": 0.0,
        "failures": 0,
        "cancel_requested": False,
    }


def _record(session: Session, job: Job, action: str) -> None:
    audit.record_actor(session, job.account_id, audit.OPERATOR, action, job.id)


def _view(job: Job, account: str) -> OperatorJob:
    told = {name: getattr(job, name) for name in OperatorJob.model_fields if hasattr(job, name)}
    return OperatorJob(**told, account=account, code=(job.error or {}).get("code"))


def _worker(row: WorkerRecord, lost: bool) -> WorkerView:
    state: Literal["idle", "busy", "draining", "lost"] = "busy" if row.job_id else "idle"
    if row.draining:
        state = "draining"
    if lost:
        state = "lost"
    told = {name: getattr(row, name) for name in WorkerView.model_fields if name != "state"}
    return WorkerView(**told, state=state)
