"""Accounts, each opened by its own keys. Nobody but an operator sees more than one."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import audit, quotas
from service.accounts import keys
from service.app_context import AppContext
from service.contract.account_views import AccountView
from service.contract.errors import NotFound
from service.contract.records import Account, Sessions, now
from service.contract.settings import Settings

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


def read(context: AppContext, account_id: str) -> AccountView:
    """The account with its limits and their use."""
    with context.sessions() as session:
        return view(session, context.settings, session.get_one(Account, account_id))


def view(session: Session, settings: Settings, account: Account) -> AccountView:
    return AccountView(
        id=account.id,
        name=account.name,
        suspended_at=account.suspended_at,
        limits=quotas.limits_of(settings, account.limits),
        use=quotas.use_of(session, account.id),
        retention_days=quotas.retention_days_of(settings, account.limits),
        created_at=account.created_at,
    )


def set_limits(sessions: Sessions, name: str, changes: dict[str, int | None]) -> Account:
    """Limits and retention of this account alone, by their names; None: as in the settings.

    Raises NotFound.
    """
    with sessions.begin() as session:
        account = named(session, name)
        limits = {**account.limits, **changes}
        _record(session, account, "account.limits")
        account.limits = {each: limit for each, limit in limits.items() if limit is not None}
        return account


def suspend(sessions: Sessions, name: str) -> Account:
    """Close the account until ``resume``; suspending it again changes nothing. Raises NotFound."""
    with sessions.begin() as session:
        account = named(session, name)
        account.suspended_at = account.suspended_at or now()
        _record(session, account, "account.suspend")
        return account


def resume(sessions: Sessions, name: str) -> Account:
    """Raises NotFound."""
    with sessions.begin() as session:
        account = named(session, name)
        account.suspended_at = None
        _record(session, account, "account.resume")
        return account


def named(session: Session, name: str) -> Account:
    """Raises NotFound."""
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise NotFound(f"There is no account {name!r}.", HINT)
    return account


def _record(session: Session, account: Account, action: str) -> None:
    audit.record_actor(session, account.id, audit.OPERATOR, action, account.id)
