"""Accounts and API keys. A key opens one account; only its SHA-256 is stored."""

import hashlib
import secrets

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import paging
from service.contract.errors import Unauthorized
from service.contract.records import Account, ApiKey, Sessions
from service.ownership import owned

KEY_PREFIX = "l2c_"


def account_of(sessions: Sessions, key: str) -> str:
    """The id of the account that the key opens; raises Unauthorized."""
    with sessions() as session:
        account_id = session.scalar(select(ApiKey.account_id).where(ApiKey.sha256 == _hashed(key)))
    if account_id is None:
        raise Unauthorized("This API key is not known.")
    return account_id


def create_key(sessions: Sessions, account_id: str, name: str) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not stored and cannot be shown again."""
    with sessions.begin() as session:
        return _add_key(session, account_id, name)


def keys_of(
    sessions: Sessions, account_id: str, wanted: paging.PageRequest, name: str | None
) -> paging.Page[ApiKey]:
    filters = paging.Filters(name=name)
    query = select(ApiKey).where(ApiKey.account_id == account_id, *filters.conditions(ApiKey))
    with sessions() as session:
        return paging.page(session, query, ApiKey, wanted)


def delete_key(sessions: Sessions, account_id: str, key_id: str) -> None:
    with sessions.begin() as session:
        owned(session, ApiKey, account_id, key_id)
        session.execute(delete(ApiKey).where(ApiKey.id == key_id))


def open_account(sessions: Sessions, name: str, key_name: str = "first key") -> str | None:
    """Create the account with its first key and return the secret; None if the account exists."""
    try:
        with sessions.begin() as session:
            if session.scalar(select(Account.id).where(Account.name == name)) is not None:
                return None
            account = Account(name=name)
            session.add(account)
            session.flush()
            return _add_key(session, account.id, key_name)[1]
    except IntegrityError:  # another process has just created it
        return None


def another_key(sessions: Sessions, account_name: str, key_name: str) -> str:
    """The secret of another key for an existing account."""
    with sessions.begin() as session:
        account_id = session.scalars(select(Account.id).where(Account.name == account_name)).one()
        return _add_key(session, account_id, key_name)[1]


def _add_key(session: Session, account_id: str, name: str) -> tuple[ApiKey, str]:
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(account_id=account_id, name=name, sha256=_hashed(secret))
    session.add(key)
    session.flush()
    return key, secret


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
