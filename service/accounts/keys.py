"""Keys made straight in the database, for whoever runs the service: the first one, and those after
a lock-out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service import database_version
from service.accounts import accounts
from service.contract.errors import Unauthorized
from service.contract.records import Sessions, connect, sessions
from service.contract.settings import Settings

ACCOUNT = "default"


def first_key(settings: Settings) -> str:
    """The account's key, made and written to ``data_dir/key`` at the first start; empty when it is
    not to be read.

    Embedded, a key file that is lost or whose key was revoked gets a new key: whoever can write the
    folder owns everything in it anyway.
    """
    file = settings.data_dir / "key"
    with _database(settings) as factory:
        if key := _valid(factory, file):
            return key
        made = accounts.open_account(factory, ACCOUNT)
        if made is None and not settings.redis_url:
            made = accounts.another_key(factory, ACCOUNT, "after the first key was lost")
    if made is None:
        return ""
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as written:
        written.write(made + "\n")
    return made


def new_key(settings: Settings, name: str, account: str | None = None) -> str:
    """The secret of a new key of the account, which is made where there is none of this name."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database_version.prepare(settings)
    with _database(settings) as factory:
        account = account or ACCOUNT
        return accounts.open_account(factory, account, name) or accounts.another_key(
            factory, account, name
        )


@contextmanager
def _database(settings: Settings) -> Iterator[Sessions]:
    engine = connect(settings.database)
    try:
        yield sessions(engine)
    finally:
        engine.dispose()


def _valid(factory: Sessions, file: Path) -> str | None:
    try:
        key = file.read_text().strip()
        accounts.account_of(factory, key)
        return key
    except (FileNotFoundError, Unauthorized):
        return None
