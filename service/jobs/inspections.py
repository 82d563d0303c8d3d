"""Models and datasets: records of uploads, usable once a worker has inspected them."""

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from service import audit, idempotency, paging, quotas, worker_time
from service.app_context import AppContext
from service.caller import Caller
from service.contract.deletions import schedule_deletion
from service.contract.errors import Conflict, NotFound, UploadIncomplete
from service.contract.job import InspectionState, JobKind, JobState
from service.contract.object_keys import upload_prefix
from service.contract.records import DatasetRecord, Job, JobEvent, ModelRecord, Upload, UploadPart
from service.contract.views import NewRecord
from service.ownership import owned

Record = TypeVar("Record", ModelRecord, DatasetRecord)


@dataclass(frozen=True)
class Kind(Generic[Record]):
    """What differs between models and datasets."""

    noun: str
    table: type[Record]
    inspection: JobKind
    job_column: str

    def jobs(self, record_id: str) -> Any:
        """The condition that a job uses the record."""
        return getattr(Job, self.job_column) == record_id


MODELS = Kind("model", ModelRecord, JobKind.MODEL_INSPECTION, "model_id")
DATASETS = Kind("dataset", DatasetRecord, JobKind.DATASET_INSPECTION, "dataset_id")
RELEASED = (JobState.CANCELLED, JobState.FAILED)
"""A job in one of these states has no results, so what it used may be deleted."""


def create(context: AppContext, kind: Kind[Record], caller: Caller, wanted: NewRecord) -> Record:
    """Create a record in state validating and, in the same transaction, the job to inspect it.

    Raises NotFound, UploadIncomplete, Conflict, or QuotaExceeded for no worker minutes left.
    """
    with context.sessions.begin() as session:
        account_id = caller.account_id
        quotas.take(session, context.settings, account_id, worker_minutes=0)
        upload = _claim(session, account_id, wanted.upload_id)
        record = kind.table(
            account_id=account_id,
            upload=upload,
            name=wanted.name or upload.filename,
            labels=wanted.labels,
        )
        session.add(record)
        session.flush()
        _queue(session, kind, record)
        idempotency.note_created(session, caller, f"{kind.noun}s", record.id)
        audit.record(session, caller, f"{kind.noun}.create", record.id)
    return record


def inspect_again(
    context: AppContext, kind: Kind[Record], caller: Caller, record_id: str
) -> Record:
    """Queue another inspection of a rejected record; one that is being inspected stays as it is.

    Raises Conflict for a record that is ready, or whose upload was deleted.
    """
    with context.sessions.begin() as session:
        quotas.take(session, context.settings, caller.account_id, worker_minutes=0)
        record = owned(session, kind.table, caller.account_id, record_id, lock=True)
        if record.state == InspectionState.VALIDATING:
            return record
        if record.state == InspectionState.READY:
            raise Conflict(f"The {kind.noun} {record_id} is ready.", "Use it as it is.")
        if not _has_parts(session, record.upload_id):
            hint = "Upload a file that the service can use."
            raise Conflict(f"The {kind.noun}'s file was refused and deleted.", hint)
        record.state, record.error = InspectionState.VALIDATING, None
        _queue(session, kind, record)
        audit.record(session, caller, f"{kind.noun}.inspect", record_id)
    return record


def _queue(session: Session, kind: Kind[Record], record: Record) -> None:
    """Without a message: workers look for inspections every second."""
    inspected = {kind.job_column: record.id}
    session.add(Job(account_id=record.account_id, kind=kind.inspection, **inspected))


async def create_on_event_loop(
    context: AppContext, kind: Kind[Record], caller: Caller, wanted: NewRecord
) -> Record:
    """``create``, in a thread."""
    return await asyncio.to_thread(create, context, kind, caller, wanted)


def read(context: AppContext, kind: Kind[Record], account_id: str, record_id: str) -> Record:
    with context.sessions() as session:
        return owned(session, kind.table, account_id, record_id)


def browse(
    context: AppContext,
    kind: Kind[Record],
    account_id: str,
    wanted: paging.PageRequest,
    filters: paging.Filters,
    sha256: str | None,
) -> paging.Page[Record]:
    """``sha256`` is that of the uploaded file."""
    table = kind.table
    query = select(table).where(table.account_id == account_id, *filters.conditions(table))
    if sha256 is not None:
        query = query.where(table.upload_id.in_(select(Upload.id).where(Upload.sha256 == sha256)))
    with context.sessions() as session:
        query = query.options(defer(table.description, raiseload=True))
        return paging.page(session, query, table, wanted)


def remove(context: AppContext, kind: Kind[Record], caller: Caller, record_id: str) -> None:
    """Delete a record, its inspection and its upload. Raises Conflict while a job uses it.

    Jobs without results, which were cancelled or failed, do not count: they forget the record.
    """
    try:
        with context.sessions.begin() as session:
            quotas.lock_account(session, caller.account_id)
            delete_record(session, kind, caller.account_id, record_id)
            audit.record(session, caller, f"{kind.noun}.delete", record_id)
    except IntegrityError as error:
        hint = f"Delete the jobs that use it first: GET /v1/jobs?{kind.job_column}={record_id}"
        raise Conflict(f"A job uses {kind.noun} {record_id}.", hint) from error
    context.delete_soon()


def delete_record(session: Session, kind: Kind[Record], account_id: str, record_id: str) -> None:
    """``remove``, in this transaction, which has locked the account.

    Raises NotFound or Conflict, IntegrityError while a job uses it.
    """
    record = owned(session, kind.table, account_id, record_id)
    worker_time.keep(session, account_id, kind.jobs(record_id), Job.kind == kind.inspection)
    _delete_inspections(session, kind, record_id)
    released = (kind.jobs(record_id), Job.state.in_(RELEASED))
    session.execute(update(Job).where(*released).values({kind.job_column: None}))
    session.execute(delete(kind.table).where(kind.table.id == record_id))
    session.execute(delete(Upload).where(Upload.id == record.upload_id))
    schedule_deletion(session, upload_prefix(record.upload_id))


def _claim(session: Session, account_id: str, upload_id: str) -> Upload:
    """The completed upload that nothing was made of.

    An update that changes nothing locks its row, so that two requests cannot both use it.
    """
    mine = (Upload.id == upload_id, Upload.account_id == account_id)
    session.execute(update(Upload).where(*mine).values(filename=Upload.filename))
    upload = session.scalar(select(Upload).where(*mine))
    if upload is None:
        raise NotFound(f"There is no upload {upload_id}.")
    if upload.completed_at is None:
        raise UploadIncomplete(f"Upload {upload_id} is not complete.")
    for kind in (MODELS, DATASETS):
        users = select(func.count()).where(kind.table.upload_id == upload_id)
        if session.scalar(users):
            hint = "Upload the file again to use it twice."
            raise Conflict(f"Upload {upload_id} was used already.", hint)
    return upload


def _delete_inspections(session: Session, kind: Kind[Record], record_id: str) -> None:
    """Delete the record's inspections; a worker that is at one notices, and ends its child."""
    inspections = (kind.jobs(record_id), Job.kind == kind.inspection)
    jobs = select(Job.id).where(*inspections)
    session.execute(delete(JobEvent).where(JobEvent.job_id.in_(jobs)))
    session.execute(delete(Job).where(*inspections))


def _has_parts(session: Session, upload_id: str) -> bool:
    parts = select(func.count()).where(UploadPart.upload_id == upload_id)
    return bool(session.scalar(parts))
