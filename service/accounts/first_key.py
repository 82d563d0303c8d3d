"""The first key, made when the service starts for the first time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.accounts import accounts, authentication
from service.contract.errors import Unauthorized
from service.contract.records import Sessions, connect, sessions
from service.contract.settings import Settings

ACCOUNT = "default"


def first_key(settings: Settings) -> str:
    """A key for the default account, created at the first start and written to ``data_dir/key``.

    Empty where that file has a valid key, or where the account has a key but no file. In the
    embedded mode a new key is written then: whoever can write that folder can read the database.
    """
    file = settings.data_dir / "key"
    with _database(settings) as factory:
        if _is_valid(factory, file):
            return ""
        made = accounts.open_account(factory, ACCOUNT)
        if made is None and not settings.redis_url:
            made = accounts.another_key(factory, ACCOUNT, "after the first key was lost")
    if made is None:
        return ""
    # Readable for the owner only from its first byte on.
    with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as written:
        written.write(made + "\n")
    return made


@contextmanager
def _database(settings: Settings) -> Iterator[Sessions]:
    engine = connect(settings.database)
    try:
        yield sessions(engine)
    finally:
        engine.dispose()


def _is_valid(factory: Sessions, file: Path) -> bool:
    try:
        authentication.find_key(factory, file.read_text().strip())
        return True
    except (FileNotFoundError, Unauthorized):
        return False
