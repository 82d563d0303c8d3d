"""Models and datasets: records of uploads, usable once a worker has inspected them. One story for
both kinds.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import paging
from service.app_context import AppContext
from service.contract.errors import Conflict, NotFound, UploadIncomplete
from service.contract.job import FINISHED, JobKind, JobState
from service.contract.records import DatasetRecord, Job, JobEvent, ModelRecord, Upload
from service.contract.storage import upload_prefix
from service.contract.views import NewRecord

Record = TypeVar("Record", ModelRecord, DatasetRecord)


@dataclass(frozen=True)
class Kind(Generic[Record]):
    """What tells the twins apart."""

    noun: str
    table: type[Record]
    inspection: JobKind
    job_column: str

    def jobs(self, record_id: str) -> Any:
        return getattr(Job, self.job_column) == record_id


MODELS = Kind("model", ModelRecord, JobKind.MODEL_INSPECTION, "model_id")
DATASETS = Kind("dataset", DatasetRecord, JobKind.DATASET_INSPECTION, "dataset_id")


def create(context: AppContext, kind: Kind[Record], account_id: str, wanted: NewRecord) -> Record:
    """A record in state validating, and the job that inspects it, in one transaction."""
    with context.sessions.begin() as session:
        upload = _claim(session, account_id, wanted.upload_id)
        record = kind.table(
            account_id=account_id, upload_id=upload.id, name=wanted.name or upload.filename
        )
        session.add(record)
        session.flush()
        job = Job(account_id=account_id, kind=kind.inspection, **{kind.job_column: record.id})
        session.add(job)
    context.notifier.notify(job.id)
    return record


async def create_soon(
    context: AppContext, kind: Kind[Record], account_id: str, wanted: NewRecord
) -> Record:
    """``create`` for callers on an event loop."""
    return await asyncio.to_thread(create, context, kind, account_id, wanted)


def read(context: AppContext, kind: Kind[Record], account_id: str, record_id: str) -> Record:
    with context.sessions() as session:
        return owned(session, kind, account_id, record_id)


def browse(
    context: AppContext, kind: Kind[Record], account_id: str, wanted: paging.Wanted
) -> paging.Page[Record]:
    with context.sessions() as session:
        mine = select(kind.table).where(kind.table.account_id == account_id)
        return paging.page(session, mine, kind.table, wanted)


def remove(context: AppContext, kind: Kind[Record], account_id: str, record_id: str) -> None:
    """Delete a record that no job uses, its inspection, its upload; the bytes go after the commit."""
    try:
        with context.sessions.begin() as session:
            record = owned(session, kind, account_id, record_id)
            _end_inspection(session, kind, record_id)
            session.execute(delete(kind.table).where(kind.table.id == record_id))
            session.execute(delete(Upload).where(Upload.id == record.upload_id))
    except IntegrityError as error:
        raise Conflict(
            f"A job uses {kind.noun} {record_id}.", "Its results refer to it, so it stays."
        ) from error
    context.store.delete(upload_prefix(record.upload_id))


def owned(session: Session, kind: Kind[Record], account_id: str, record_id: str) -> Record:
    record = session.get(kind.table, record_id)
    if record is None or record.account_id != account_id:
        raise NotFound(f"There is no {kind.noun} {record_id}.")
    return record


def _claim(session: Session, account_id: str, upload_id: str) -> Upload:
    """The upload, its row locked by an update that changes nothing, so that two requests cannot
    both use it.
    """
    mine = (Upload.id == upload_id, Upload.account_id == account_id)
    session.execute(update(Upload).where(*mine).values(filename=Upload.filename))
    upload = session.scalar(select(Upload).where(*mine))
    if upload is None:
        raise NotFound(f"There is no upload {upload_id}.")
    if upload.completed_at is None:
        raise UploadIncomplete(f"Upload {upload_id} is not complete.")
    users = [
        select(func.count()).where(each.table.upload_id == upload_id) for each in (MODELS, DATASETS)
    ]
    if any(session.scalar(query) for query in users):
        raise Conflict(
            f"Upload {upload_id} was used already.", "Upload the file again to use it twice."
        )
    return upload


def _end_inspection(session: Session, kind: Kind[Record], record_id: str) -> None:
    inspections = (kind.jobs(record_id), Job.kind == kind.inspection)
    idle = or_(Job.state == JobState.QUEUED, Job.state.in_(FINISHED))
    session.execute(
        delete(JobEvent).where(JobEvent.job_id.in_(select(Job.id).where(*inspections, idle)))
    )
    session.execute(delete(Job).where(*inspections, idle))
    if session.scalar(select(func.count()).where(*inspections)):
        raise Conflict(
            f"The {kind.noun} is being inspected.", "Delete it once its state is ready or rejected."
        )
