"""Accounts, each opened by its own keys. Nobody but an operator sees more than one."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.accounts import keys
from service.contract.errors import NotFound
from service.contract.records import Account, Sessions, now

HINT = "`l2c admin accounts list` shows them."


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
    """The secret of another key for an existing account. Raises NotFound."""
    with sessions.begin() as session:
        return keys.add(session, named(session, account_name).id, key_name).secret


def suspend(sessions: Sessions, name: str) -> Account:
    """Close the account until ``resume``; suspending it again changes nothing. Raises NotFound."""
    with sessions.begin() as session:
        account = named(session, name)
        account.suspended_at = account.suspended_at or now()
        return account


def resume(sessions: Sessions, name: str) -> Account:
    """Raises NotFound."""
    with sessions.begin() as session:
        account = named(session, name)
        account.suspended_at = None
        return account


def named(session: Session, name: str) -> Account:
    """Raises NotFound."""
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise NotFound(f"There is no account {name!r}.", HINT)
    return account
