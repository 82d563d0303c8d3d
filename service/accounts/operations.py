"""What an operator does with accounts and keys, straight in the database, across accounts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service import audit, database_version
from service.accounts import accounts, keys, removal
from service.contract import data_folder
from service.contract.account_views import (
    SCOPES,
    AccountView,
    CreatedAccount,
    CreatedKey,
    KeyView,
    NewAccount,
    NewKey,
)
from service.contract.errors import Conflict, NotFound
from service.contract.records import Account, ApiKey, Sessions, connect, sessions
from service.contract.settings import Settings

SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def open_operations(settings: Settings) -> Iterator["Operations"]:
    """On the database of the settings, which is created or migrated in the embedded mode."""
    data_folder.prepare(settings)
    database_version.prepare(settings)
    engine = connect(settings.database)
    try:
        yield Operations(settings, sessions(engine))
    finally:
        engine.dispose()


class Operations:
    """Methods raise NotFound for an account or a key that does not exist."""

    def __init__(self, settings: Settings, sessions: Sessions):
        self._settings, self._sessions = settings, sessions

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    def list_accounts(self) -> list[AccountView]:
        """Oldest first."""
        with self._sessions() as session:
            rows = session.scalars(select(Account).order_by(Account.created_at, Account.id))
            return [accounts.view(session, self._settings, row) for row in rows]

    def create_account(self, wanted: NewAccount) -> CreatedAccount:
        """Raises Conflict if there is one of this name."""
        secret = accounts.open_account(self._sessions, wanted.name)
        if secret is None:
            raise Conflict(f"There is an account {wanted.name!r} already.", accounts.HINT)
        return CreatedAccount(**self.read_account(wanted.name).model_dump(), secret=secret)

    def suspend_account(self, name: str) -> AccountView:
        accounts.suspend(self._sessions, name)
        return self.read_account(name)

    def resume_account(self, name: str) -> AccountView:
        accounts.resume(self._sessions, name)
        return self.read_account(name)

    def set_limits(self, name: str, changes: dict[str, int | None]) -> AccountView:
        """0: no limit; None: as in the settings."""
        if changes:
            accounts.set_limits(self._sessions, name, changes)
        return self.read_account(name)

    def read_account(self, name: str) -> AccountView:
        with self._sessions() as session:
            return accounts.view(session, self._settings, accounts.named(session, name))

    def delete_account(self, name: str, wait_seconds: float) -> None:
        """Delete it with everything. The service deletes the files, within seconds.

        Raises Conflict if workers have not ended its jobs after ``wait_seconds``; then it stays
        suspended.
        """
        removal.close(self._sessions, name)
        deadline = time.monotonic() + wait_seconds
        while running := removal.running_jobs(self._sessions, name):
            if time.monotonic() >= deadline:
                hint = "Try again once they have ended: they are being cancelled."
                raise Conflict(f"{running} jobs of account {name!r} are still running.", hint)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        removal.delete_account(self._sessions, name)

    def list_keys(self, account: str) -> list[KeyView]:
        """Newest first."""
        with self._sessions() as session:
            mine = select(ApiKey).where(ApiKey.account_id == accounts.named(session, account).id)
            rows = session.scalars(mine.order_by(ApiKey.created_at.desc(), ApiKey.id))
            return [KeyView.model_validate(row) for row in rows]

    def create_key(self, account: str, wanted: NewKey) -> CreatedKey:
        """With all scopes if ``wanted`` names none."""
        with self._sessions.begin() as session:
            account_id = accounts.named(session, account).id
            scopes = wanted.scopes or SCOPES
            made = keys.add(session, account_id, wanted.name, scopes, wanted.expires_at)
            _record(session, account_id, "key.create", made.key.id)
        return CreatedKey(**KeyView.model_validate(made.key).model_dump(), secret=made.secret)

    def revoke_key(self, key_id: str) -> None:
        with self._sessions.begin() as session:
            gone = delete(ApiKey).where(ApiKey.id == key_id).returning(ApiKey.account_id)
            account_id = session.scalar(gone)
            if account_id is None:
                raise NotFound(f"There is no key {key_id}.", "`l2c admin keys list` shows them.")
            _record(session, account_id, "key.revoke", key_id)


def _record(session: Session, account_id: str, action: str, object_id: str) -> None:
    audit.record_actor(session, account_id, audit.OPERATOR, action, object_id)
