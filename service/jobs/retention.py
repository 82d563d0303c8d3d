"""Deletes what nobody has used for as long as an account keeps things.

A finished job goes with its results when it ended so long ago; a model or dataset when it was made
so long ago, the last job with it was created so long ago, and no job is left that uses it.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import audit, quotas
from service.contract.errors import Conflict, NotFound
from service.contract.job import FINISHED, InspectionState, JobKind
from service.contract.records import Account, Job, Sessions, now
from service.contract.settings import Settings
from service.jobs import jobs
from service.jobs.inspections import DATASETS, MODELS, Kind, delete_record

log = logging.getLogger(__name__)


def delete_expired(settings: Settings, sessions: Sessions) -> int:
    """Of all accounts; how many jobs, models and datasets went."""
    with sessions() as session:
        accounts = list(session.scalars(select(Account)))
    count = 0
    for account in accounts:
        days = quotas.retention_days_of(settings, account.limits)
        if days is not None:
            count += _delete_before(sessions, account.id, now() - timedelta(days=days))
    if count:
        log.info("deleted %d jobs, models and datasets that were kept long enough", count)
    return count


def _delete_before(sessions: Sessions, account_id: str, before: datetime) -> int:
    with sessions() as session:
        ended = list(session.scalars(_ended_jobs(account_id, before)))
    count = sum(_delete_job(sessions, account_id, job_id, before) for job_id in ended)
    for kind in (MODELS, DATASETS):
        with sessions() as session:
            unused = list(session.scalars(_unused_records(kind, account_id, before)))
        count += sum(_delete_record(sessions, kind, account_id, each, before) for each in unused)
    return count


def _ended_jobs(account_id: str, before: datetime) -> Any:
    mine = (Job.account_id == account_id, Job.kind == JobKind.COMPRESSION)
    return select(Job.id).where(*mine, Job.state.in_(FINISHED), Job.finished_at < before)


def _unused_records(kind: Kind[Any], account_id: str, before: datetime) -> Any:
    table = kind.table
    last_use = func.coalesce(table.last_used_at, table.created_at)
    using = select(Job.id).where(kind.jobs(table.id), Job.kind == JobKind.COMPRESSION).exists()
    inspected = table.state != InspectionState.VALIDATING
    return select(table.id).where(
        table.account_id == account_id, last_use < before, inspected, ~using
    )


def _delete_job(sessions: Sessions, account_id: str, job_id: str, before: datetime) -> bool:
    """False if it has gone meanwhile, or was queued again."""
    with sessions.begin() as session:
        quotas.lock_account(session, account_id)
        if session.scalar(_ended_jobs(account_id, before).where(Job.id == job_id)) is None:
            return False
        jobs.delete_ended(session, account_id, job_id)
        _record(session, account_id, "job.delete", job_id)
    return True


def _delete_record(
    sessions: Sessions, kind: Kind[Any], account_id: str, record_id: str, before: datetime
) -> bool:
    """False if it has gone, or is used or inspected again."""
    unused = _unused_records(kind, account_id, before).where(kind.table.id == record_id)
    try:
        with sessions.begin() as session:
            quotas.lock_account(session, account_id)
            if session.scalar(unused) is None:
                return False
            delete_record(session, kind, account_id, record_id)
            _record(session, account_id, f"{kind.noun}.delete", record_id)
    except (IntegrityError, Conflict, NotFound):
        return False
    return True


def _record(session: Session, account_id: str, action: str, object_id: str) -> None:
    audit.record_actor(session, account_id, audit.RETENTION, action, object_id)
