"""How much an account may take, and how much it has taken."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service import worker_time
from service.contract.account_views import Limits, Use
from service.contract.errors import NotFound, QuotaExceeded
from service.contract.job import JobKind, JobState
from service.contract.records import (
    Account,
    ApiKey,
    Job,
    Upload,
    UploadPart,
    now,
)
from service.contract.settings import Settings

NAMES = tuple(Limits.model_fields)


def limits_of(settings: Settings, overrides: dict[str, Any]) -> Limits:
    """An account's own limits, else those of the settings."""
    found = {name: overrides.get(name, getattr(settings, f"quota_{name}")) for name in NAMES}
    return Limits.model_validate({name: limit or None for name, limit in found.items()})


def retention_days_of(settings: Settings, overrides: dict[str, Any]) -> int | None:
    """An account's own, else that of the settings; None: for ever."""
    return overrides.get("retention_days", settings.retention_days) or None


def use_of(session: Session, account_id: str) -> Use:
    return Use.model_validate({name: USED[name](session, account_id) for name in NAMES})


def take(session: Session, settings: Settings, account_id: str, **more: int) -> None:
    """Raise QuotaExceeded unless so much ``more`` of each named limit is left.

    The account's row stays locked until the end of the transaction, which has to write what was
    asked for: so two requests at once cannot both take the last place. Call it first: SQLite
    cannot turn a transaction that has read into one that writes while another one writes.
    """
    limits = limits_of(settings, lock_account(session, account_id))
    for name, wanted in more.items():
        limit = getattr(limits, name)
        if limit is None:
            continue
        used = USED[name](session, account_id)
        if used >= limit or used + wanted > limit:
            raise QuotaExceeded(
                f"The quota {name} of this account is {limit:,}: "
                f"{used:,} are in use, and this needs {wanted or 'some'} more."
            )


def lock_account(session: Session, account_id: str) -> dict[str, Any]:
    """Lock its row until the end of the transaction; its own limits. Raises NotFound."""
    same = update(Account).where(Account.id == account_id).values(created_at=Account.created_at)
    overrides: dict[str, Any] | None = session.scalars(same.returning(Account.limits)).one_or_none()
    if overrides is None:
        raise NotFound("This account was deleted meanwhile.")
    return overrides


def _stored_bytes(session: Session, account_id: str) -> int:
    """Without completed uploads that have no parts: their file was refused and deleted."""
    query = select(func.coalesce(func.sum(Upload.bytes), 0)).where(Upload.account_id == account_id)
    has_parts = exists().where(UploadPart.upload_id == Upload.id)
    query = query.where(or_(Upload.completed_at.is_(None), has_parts))
    return int(session.scalars(query).one())


def _open_uploads(session: Session, account_id: str) -> int:
    return _count(session, Upload.account_id == account_id, Upload.completed_at.is_(None))


def _unfinished_jobs(session: Session, account_id: str) -> int:
    unfinished = Job.state.in_((JobState.QUEUED, JobState.RUNNING))
    mine = (Job.account_id == account_id, Job.kind == JobKind.COMPRESSION)
    return _count(session, *mine, unfinished)


def _keys(session: Session, account_id: str) -> int:
    alive = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now())
    return _count(session, ApiKey.account_id == account_id, alive)


def _worker_minutes(session: Session, account_id: str) -> float:
    return round(worker_time.seconds_this_month(session, account_id) / 60, 1)


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).where(*conditions)).one()


USED: dict[str, Callable[[Session, str], Any]] = {
    "stored_bytes": _stored_bytes,
    "open_uploads": _open_uploads,
    "unfinished_jobs": _unfinished_jobs,
    "worker_minutes": _worker_minutes,
    "keys": _keys,
}
