"""A row of the account, or 404: what belongs to another account does not exist."""

from typing import TypeVar

from sqlalchemy.orm import Session

from service.caller import Caller
from service.contract.errors import NotFound
from service.contract.job import JobKind
from service.contract.records import (
    ApiKey,
    DatasetRecord,
    Job,
    ModelRecord,
    Upload,
    Variant,
    Webhook,
)

Row = TypeVar("Row", ApiKey, DatasetRecord, Job, ModelRecord, Upload, Variant, Webhook)
OfJob = TypeVar("OfJob", Job, Variant)
NOUNS: dict[type, str] = {
    ApiKey: "key",
    DatasetRecord: "dataset",
    Job: "job",
    ModelRecord: "model",
    Upload: "upload",
    Variant: "variant",
    Webhook: "webhook",
}


def owned(
    session: Session, table: type[Row], account_id: str, row_id: str, *, lock: bool = False
) -> Row:
    """The account's row with this id; inspections are no jobs of an account. Raises NotFound.

    ``lock``: no other transaction changes the row before this one ends.
    """
    row = session.get(table, row_id, with_for_update=lock)
    inspection = isinstance(row, Job) and row.kind != JobKind.COMPRESSION
    if row is None or row.account_id != account_id or inspection:
        raise NotFound(f"There is no {NOUNS[table]} {row_id}.")
    return row


def visible(
    session: Session, table: type[OfJob], caller: Caller, row_id: str, *, lock: bool = False
) -> OfJob:
    """``owned``, and of the job that the caller's key is bound to, if it is. Raises NotFound."""
    row = owned(session, table, caller.account_id, row_id, lock=lock)
    job_id = row.id if isinstance(row, Job) else row.job_id
    if caller.job_id not in (None, job_id):
        raise NotFound(f"There is no {NOUNS[table]} {row_id}.")
    return row
