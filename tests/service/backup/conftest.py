"""Empty places to serve from, back up and restore into: of either mode, as many as wanted."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from service.contract.s3_store import S3Store
from service.contract.settings import Settings

EMBEDDED, PRODUCTION = "sqlite-directory", "postgresql-s3"
Place = Callable[[str], Settings]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """``place(PRODUCTION)``: settings of a new database and a new bucket."""
    with contextlib.ExitStack() as places:

        def make(mode: str) -> Settings:
            name = f"test_{secrets.token_hex(6)}"
            given: dict[str, Any] = {"data_dir": tmp_path / name, "part_bytes": 64 * 1024}
            if mode == PRODUCTION:
                postgres = request.getfixturevalue("postgres_url")
                given["database_url"] = places.enter_context(_database(postgres, name))
                s3 = request.getfixturevalue("s3_session").settings(name.replace("_", "-"))
                places.callback(_delete_bucket, Settings(**s3))
                given |= s3
            return Settings(**given)

        yield make


@contextlib.contextmanager
def _database(postgres: str, name: str) -> Iterator[str]:
    url = make_url(postgres)
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _delete_bucket(settings: Settings) -> None:
    store = S3Store(settings)
    with contextlib.suppress(store.client.exceptions.NoSuchBucket):
        store.delete("")
        store.client.delete_bucket(Bucket=store.bucket)
