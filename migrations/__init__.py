"""The database's history; ``upgrade`` brings a database of any version to the newest one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service.contract.records import connect

ONE_AT_A_TIME = {
    "postgresql": "SELECT pg_advisory_xact_lock(7032221)",
    "sqlite": "BEGIN IMMEDIATE",
}


class WrongVersion(RuntimeError):
    """This code cannot work with the database's version; the message says what to do."""


def upgrade(database_url: str, version: str = "head") -> None:
    """Create or migrate the database at the SQLAlchemy URL, in one transaction.

    Raises WrongVersion for a database of newer code.

    Processes that start together wait for one another: the later ones find nothing left to do.
    """
    engine = connect(database_url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                # Alembic copies and drops tables; with foreign keys on, rows that refer to a
                # dropped table would be deleted. SQLite ignores this inside a transaction.
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.commit()
            with connection.begin():
                connection.exec_driver_sql(ONE_AT_A_TIME[engine.dialect.name])
                refuse_newer(connection)
                command.upgrade(alembic_config(connection), version)
    finally:
        engine.dispose()


def refuse_newer(connection: Connection) -> None:
    """Raise WrongVersion if this code does not know the database's version."""
    version, known = version_of(connection), known_versions()
    if version is not None and version not in known:
        raise WrongVersion(
            f"The database is at version {version}, newer than this learn2compress, which knows"
            f" {known[0]}: install the newer one again, or restore a backup from before."
        )


def version_of(connection: Connection) -> str | None:
    """The database's version; None if it has no tables of this project."""
    return MigrationContext.configure(connection).get_current_revision()


def known_versions() -> list[str]:
    """Those that this code can migrate from, newest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()]


def alembic_config(connection: Connection) -> Config:
    """What alembic needs to run from code, wherever the package is installed."""
    return _config(connection=connection)


def _config(**attributes: Connection) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
