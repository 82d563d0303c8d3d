"""The migrations lead to exactly the tables that the records describe, also when many processes
start at once.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from migrations import alembic_config, upgrade
from service.contract.records import Base, connect


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'l2c.sqlite'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


def test_the_migrated_database_is_what_the_records_describe(database: str) -> None:
    upgrade(database)
    with connect(database).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_nullability_and_cascades_are_what_the_records_describe(database: str) -> None:
    upgrade(database)
    found = inspect(connect(database))
    for table in Base.metadata.sorted_tables:
        nullable = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert nullable == {column.name: column.nullable for column in table.columns}
        links = found.get_foreign_keys(table.name)
        cascades = {
            link["constrained_columns"][0]: link["options"].get("ondelete") for link in links
        }
        assert cascades == {key.parent.name: key.ondelete for key in table.foreign_keys}


def test_a_second_upgrade_finds_nothing_to_do(database: str) -> None:
    upgrade(database)
    upgrade(database)
    assert "jobs" in inspect(connect(database)).get_table_names()


def test_processes_that_start_together_all_find_a_migrated_database(database: str) -> None:
    code = "import sys; from migrations import upgrade; upgrade(sys.argv[1])"
    together = [
        subprocess.Popen([sys.executable, "-c", code, database], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=50)[1] for process in together if process.wait(50)] == []


def test_downgrade_leaves_nothing(database: str) -> None:
    upgrade(database)
    engine = connect(database)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
