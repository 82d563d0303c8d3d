"""Many API processes check the database's version, one migrates it."""

import os
import subprocess
import sys

import pytest
from sqlalchemy import inspect, text

from migrations import WrongVersion
from service import database_version
from service.contract.records import connect
from service.contract.settings import Settings
from tests.servers import postgres_installation


def test_embedded_the_database_is_migrated(embedded: Settings) -> None:
    embedded.data_dir.mkdir(parents=True)
    database_version.prepare(embedded)
    assert "jobs" in inspect(connect(embedded.database)).get_table_names()


def test_in_production_an_old_database_is_refused_and_a_migrated_one_taken(
    embedded: Settings,
) -> None:
    embedded.data_dir.mkdir(parents=True)
    production = Settings(**{**embedded.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with pytest.raises(WrongVersion, match="python -m migrations"):
        database_version.prepare(production)
    database_version.prepare(embedded)
    database_version.prepare(production)


def test_a_database_of_newer_code_is_a_sentence(embedded: Settings) -> None:
    embedded.data_dir.mkdir(parents=True)
    database_version.prepare(embedded)
    with connect(embedded.database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    production = Settings(**{**embedded.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    for settings in (embedded, production):
        with pytest.raises(WrongVersion, match="version 9999, newer than"):
            database_version.prepare(settings)


def test_migrations_wait_for_a_database_that_is_starting(embedded: Settings) -> None:
    with postgres_installation() as installation:
        settings = embedded.model_copy(update={"database_url": installation.url})
        environment = {**os.environ, "L2C_DATABASE_URL": installation.url}
        command = [sys.executable, "-m", "migrations"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as migrating:
            assert migrating.stderr
            assert b"waiting for the database" in migrating.stderr.readline()
            with installation.running():
                assert migrating.wait(40) == 0
                assert "jobs" in inspect(connect(settings.database)).get_table_names()
