"""How long workers have worked for an account in this calendar month (UTC).

A job counts from its first start to its end, or to now. Deleting it does not give time back: its
seconds move to a row of WorkerTime.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from service.contract.records import Job, WorkerTime, now


def seconds_this_month(session: Session, account_id: str) -> float:
    month = _month(now())
    deleted = session.get(WorkerTime, (account_id, month))
    kept = deleted.seconds if deleted else 0.0
    return kept + _seconds(session, Job.account_id == account_id)


def keep(session: Session, account_id: str, *jobs: ColumnElement[bool]) -> None:
    """Call it before the account's jobs that match are deleted, with the account locked."""
    seconds = _seconds(session, Job.account_id == account_id, *jobs)
    if seconds == 0:
        return
    month = _month(now())
    row = session.get(WorkerTime, (account_id, month), populate_existing=True)
    if row is None:
        session.add(WorkerTime(account_id=account_id, month=month, seconds=seconds))
    else:
        row.seconds += seconds
    session.flush()


def _seconds(session: Session, *jobs: ColumnElement[bool]) -> float:
    moment = now()
    start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    this_month = or_(Job.finished_at.is_(None), Job.finished_at >= start)
    spans = select(Job.started_at, Job.finished_at).where(*jobs, this_month)
    return sum(
        ((finished or moment) - max(started, start)).total_seconds()
        for started, finished in session.execute(spans)
        if started is not None
    )


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"
