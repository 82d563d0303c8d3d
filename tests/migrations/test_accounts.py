"""Keys from before scopes may do everything; going back leaves no key that may do more."""

from datetime import timedelta
from typing import Any

from alembic import command
from sqlalchemy import select, text

from migrations import alembic_config, upgrade
from service.accounts.authentication import find_key
from service.contract.account_views import SCOPES
from service.contract.records import ApiKey, connect, now, sessions
from tests.migrations import version_0001
from tests.migrations.test_rewriting import old
from tests.migrations.test_upgrade import database

__all__ = ["database", "old"]


def keys(url: str) -> list[str]:
    with connect(url).connect() as connection:
        return list(connection.scalars(text("SELECT id FROM api_keys ORDER BY id")))


def test_an_old_key_has_all_scopes(old: str) -> None:
    upgrade(old)
    key, account = find_key(sessions(connect(old)), version_0001.SECRET)
    assert (key.scopes, key.job_id, key.expires_at) == (list(SCOPES), None, None)
    assert (account.suspended_at, account.limits) == (None, {})


def test_going_back_deletes_keys_that_would_then_open_more(old: str) -> None:
    upgrade(old)
    engine = connect(old)
    limited: dict[str, dict[str, Any]] = {
        "key_2": {"scopes": ["read"]},
        "key_3": {"job_id": "job_1"},
        "key_4": {"expires_at": now() + timedelta(days=1)},
        "key_5": {},
    }
    with sessions(engine).begin() as session:
        account_id = session.scalars(select(ApiKey.account_id)).one()
        for key_id, values in limited.items():
            own = {"scopes": list(SCOPES), **values}
            session.add(ApiKey(id=key_id, account_id=account_id, name="k", sha256=key_id, **own))
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0003")
    assert keys(old) == ["key_1", "key_5"]
    upgrade(old)
    assert keys(old) == ["key_1", "key_5"]
