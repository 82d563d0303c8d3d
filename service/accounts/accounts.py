"""Accounts, each opened by its own keys."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from service.accounts import keys
from service.contract.records import Account, Sessions


def open_account(sessions: Sessions, name: str, key_name: str = "first key") -> str | None:
    """Create the account with its first key and return the secret; None if the account exists."""
    try:
        with sessions.begin() as session:
            if session.scalar(select(Account.id).where(Account.name == name)) is not None:
                return None
            account = Account(name=name)
            session.add(account)
            session.flush()
            return keys.add(session, account.id, key_name).secret
    except IntegrityError:  # another process has just created it
        return None


def another_key(sessions: Sessions, account_name: str, key_name: str) -> str:
    """The secret of another key for an existing account."""
    with sessions.begin() as session:
        account_id = session.scalars(select(Account.id).where(Account.name == account_name)).one()
        return keys.add(session, account_id, key_name).secret
