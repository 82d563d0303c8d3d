"""Many API processes check the database's version, one migrates it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from migrations import WrongVersion
from service import database_version
from service.contract.records import connect
from service.contract.settings import Settings
from tests.servers import postgres_installation


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Of the embedded mode, with no database yet."""
    return Settings(data_dir=tmp_path)


def test_embedded_the_database_is_migrated(empty: Settings) -> None:
    database_version.prepare(empty)
    assert "jobs" in inspect(connect(empty.database)).get_table_names()


def test_in_production_an_old_database_is_refused_and_a_migrated_one_taken(
    empty: Settings,
) -> None:
    production = Settings(**{**empty.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with pytest.raises(WrongVersion, match="python -m migrations"):
        database_version.prepare(production)
    database_version.prepare(empty)
    database_version.prepare(production)


def test_a_database_of_newer_code_is_a_sentence(empty: Settings) -> None:
    database_version.prepare(empty)
    with connect(empty.database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    production = Settings(**{**empty.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    for settings in (empty, production):
        with pytest.raises(WrongVersion, match="version 9999, newer than"):
            database_version.prepare(settings)


def test_migrations_wait_for_a_database_that_is_starting(empty: Settings) -> None:
    with postgres_installation() as installation:
        settings = empty.model_copy(update={"database_url": installation.url})
        environment = {**os.environ, "L2C_DATABASE_URL": installation.url}
        command = [sys.executable, "-m", "migrations"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as migrating:
            assert migrating.stderr
            assert b"waiting for the database" in migrating.stderr.readline()
            with installation.running():
                assert migrating.wait(40) == 0
                assert "jobs" in inspect(connect(settings.database)).get_table_names()
