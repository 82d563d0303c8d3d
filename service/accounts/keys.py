"""The keys of an account. None can make a key that may do more than itself, or lasts longer."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service import audit, idempotency, paging, quotas
from service.accounts.authentication import hashed
from service.app_context import AppContext
from service.caller import Caller
from service.contract.account_views import SCOPES, SCOPES_OF_A_JOB, NewKey
from service.contract.errors import Forbidden, Malformed
from service.contract.records import ApiKey, Job, Sessions, now
from service.ownership import owned

PREFIX = "l2c_"
LONGEST_LIFE = timedelta(days=3660)
EXPIRED_KEYS_STAY = timedelta(days=30)


@dataclass(frozen=True)
class KeyWithSecret:
    """A new key; its secret is not stored and cannot be shown again."""

    key: ApiKey
    secret: str


def create(context: AppContext, caller: Caller, wanted: NewKey) -> KeyWithSecret:
    """What ``wanted`` leaves out is as in the caller's own key.

    Raises Forbidden for more scopes or a later end than the caller's own, Malformed for an end in
    the past or in more than ten years, NotFound for a job that is not the account's, QuotaExceeded
    if the account has as many keys as it may.
    """
    possible = SCOPES if wanted.job_id is None else SCOPES_OF_A_JOB
    scopes = wanted.scopes or [scope for scope in possible if scope in caller.scopes]
    expires_at = wanted.expires_at or caller.expires_at
    _check_end(wanted.expires_at)
    check_rights(caller, scopes, expires_at)
    with context.sessions.begin() as session:
        # This locks the account, and so the job cannot be deleted meanwhile.
        quotas.take(session, context.settings, caller.account_id, keys=1)
        if wanted.job_id is not None:
            owned(session, Job, caller.account_id, wanted.job_id)
        made = add(session, caller.account_id, wanted.name, scopes, expires_at, wanted.job_id)
        idempotency.note_created(session, caller, "keys", made.key.id)
        audit.record(session, caller, "key.create", made.key.id)
        return made


def browse(
    sessions: Sessions, caller: Caller, wanted: paging.PageRequest, name: str | None
) -> paging.Page[ApiKey]:
    filters = paging.Filters(name=name)
    query = select(ApiKey).where(ApiKey.account_id == caller.account_id)
    with sessions() as session:
        return paging.page(session, query.where(*filters.conditions(ApiKey)), ApiKey, wanted)


def revoke(sessions: Sessions, caller: Caller, key_id: str) -> None:
    with sessions.begin() as session:
        owned(session, ApiKey, caller.account_id, key_id)
        session.execute(delete(ApiKey).where(ApiKey.id == key_id))
        audit.record(session, caller, "key.revoke", key_id)


def rotate(sessions: Sessions, caller: Caller, key_id: str, grace_seconds: int) -> KeyWithSecret:
    """Replace the key's secret; the old one opens for ``grace_seconds`` more.

    Raises Forbidden for a key that may do more than the caller's own, or lasts longer: its new
    secret would give that away.
    """
    secret = _new_secret()
    change: dict[str, Any] = {
        "sha256": hashed(secret),
        "previous_sha256": None,
        "previous_ends_at": None,
    }
    if grace_seconds:
        # The column, not a value that was read: two rotations at once must not lose a secret.
        ends_at = now() + timedelta(seconds=grace_seconds)
        change |= {"previous_sha256": ApiKey.sha256, "previous_ends_at": ends_at}
    with sessions.begin() as session:
        key = owned(session, ApiKey, caller.account_id, key_id)
        check_rights(caller, key.scopes, key.expires_at)
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(change))
        audit.record(session, caller, "key.rotate", key_id)
        return KeyWithSecret(key, secret)


def add(
    session: Session,
    account_id: str,
    name: str,
    scopes: Sequence[str] = SCOPES,
    expires_at: datetime | None = None,
    job_id: str | None = None,
) -> KeyWithSecret:
    """A new key in this transaction; nothing is checked."""
    secret = _new_secret()
    key = ApiKey(
        account_id=account_id,
        name=name,
        sha256=hashed(secret),
        scopes=list(scopes),
        expires_at=expires_at,
        job_id=job_id,
    )
    session.add(key)
    session.flush()
    return KeyWithSecret(key, secret)


def delete_long_expired(sessions: Sessions) -> None:
    """Expired keys stay in the list for a month."""
    with sessions.begin() as session:
        session.execute(delete(ApiKey).where(ApiKey.expires_at < now() - EXPIRED_KEYS_STAY))


def check_rights(caller: Caller, scopes: Sequence[str], expires_at: datetime | None) -> None:
    """Raises Forbidden unless the caller's own key has these scopes and lasts as long."""
    hint = "A key can give away only what it has itself."
    lacking = [scope for scope in scopes if scope not in caller.scopes]
    if lacking or not scopes:
        raise Forbidden(f"This key lacks the scopes {', '.join(lacking or SCOPES_OF_A_JOB)}.", hint)
    if caller.expires_at and (expires_at is None or expires_at > caller.expires_at):
        raise Forbidden(f"This key itself expires at {caller.expires_at.isoformat()}.", hint)


def _check_end(expires_at: datetime | None) -> None:
    if expires_at is not None and not now() < expires_at < now() + LONGEST_LIFE:
        raise Malformed("body.expires_at: It must be in the future, within ten years.")


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)
