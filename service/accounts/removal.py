"""Deletes an account with everything: first its jobs end, then its rows and files go."""

from typing import Any

from sqlalchemy import ColumnElement, delete, func, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import quotas
from service.accounts.accounts import named
from service.contract.account_records import IdempotentRequest
from service.contract.claiming import ORPHANED
from service.contract.deletions import schedule_deletion
from service.contract.errors import Conflict
from service.contract.job import JobState, states_before
from service.contract.job_end import end_job
from service.contract.object_keys import job_prefix, upload_prefix
from service.contract.records import (
    Account,
    ApiKey,
    AuditEntry,
    DatasetRecord,
    Job,
    ModelRecord,
    Sessions,
    Upload,
    Variant,
    Webhook,
    WorkerTime,
    now,
)

# In this order: a row goes before what it refers to. Parts, events, secrets and
# deliveries go with uploads, jobs and webhooks.
TABLES: tuple[Any, ...] = (
    Variant,
    ApiKey,
    Webhook,
    Job,
    ModelRecord,
    DatasetRecord,
    Upload,
    WorkerTime,
    AuditEntry,
    IdempotentRequest,
)


def close(sessions: Sessions, name: str) -> None:
    """Suspend the account and end its jobs; workers end those that run. Raises NotFound."""
    with sessions.begin() as session:
        account = named(session, name)
        account.suspended_at = account.suspended_at or now()
        mine = Job.account_id == account.id
        alive = Job.state.in_(states_before(JobState.CANCELLED))
        session.execute(update(Job).where(mine, alive).values(cancel_requested=True))
        queued = Job.state == JobState.QUEUED
        for job_id in session.scalars(select(Job.id).where(mine, queued)).all():
            end_job(session, (Job.id == job_id, queued), JobState.CANCELLED)


def running_jobs(sessions: Sessions, name: str) -> int:
    """How many jobs a worker still holds. Raises NotFound."""
    with sessions() as session:
        held = (Job.state == JobState.RUNNING, not_(ORPHANED))
        mine = Job.account_id == named(session, name).id
        return session.scalars(select(func.count()).where(mine, *held)).one()


def delete_account(sessions: Sessions, name: str) -> None:
    """Delete its rows and schedule the deletion of its files.

    Raises NotFound, or Conflict if a request that began before its suspension added something.
    """
    try:
        with sessions.begin() as session:
            _delete_rows(session, named(session, name).id)
    except IntegrityError as error:
        raise Conflict(f"A request of account {name!r} was under way.", "Try again.") from error


def _delete_rows(session: Session, account_id: str) -> None:
    quotas.lock_account(session, account_id)
    _schedule_files(session, Job.account_id == account_id, Upload.account_id == account_id)
    for table in TABLES:
        session.execute(delete(table).where(table.account_id == account_id))
    session.execute(delete(Account).where(Account.id == account_id))


def _schedule_files(
    session: Session, jobs: ColumnElement[bool], uploads: ColumnElement[bool]
) -> None:
    schedule_deletion(session, *map(job_prefix, session.scalars(select(Job.id).where(jobs))))
    schedule_deletion(
        session, *map(upload_prefix, session.scalars(select(Upload.id).where(uploads)))
    )
