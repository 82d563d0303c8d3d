"""The keys of an account: each has scopes, and none can make one that may do more than itself."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service import paging
from service.accounts.authentication import hashed
from service.caller import Caller
from service.contract.account_views import SCOPES, NewKey
from service.contract.errors import Forbidden
from service.contract.records import ApiKey, Sessions
from service.ownership import owned

PREFIX = "l2c_"


@dataclass(frozen=True)
class KeyWithSecret:
    """A new key; its secret is not stored and cannot be shown again."""

    key: ApiKey
    secret: str


def create(sessions: Sessions, caller: Caller, wanted: NewKey) -> KeyWithSecret:
    """Raises Forbidden for scopes that the caller's own key lacks."""
    scopes = wanted.scopes or [scope for scope in SCOPES if scope in caller.scopes]
    _check_scopes(caller, scopes)
    with sessions.begin() as session:
        return add(session, caller.account_id, wanted.name, scopes)


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


def add(
    session: Session, account_id: str, name: str, scopes: Sequence[str] = SCOPES
) -> KeyWithSecret:
    """A new key in this transaction; nothing is checked."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(account_id=account_id, name=name, scopes=list(scopes), sha256=hashed(secret))
    session.add(key)
    session.flush()
    return KeyWithSecret(key, secret)


def _check_scopes(caller: Caller, scopes: Sequence[str]) -> None:
    lacking = [scope for scope in scopes if scope not in caller.scopes]
    if lacking:
        hint = "A key can give away only what it has itself."
        raise Forbidden(f"This key lacks the scopes {', '.join(lacking)}.", hint)
