"""The database's history; ``upgrade`` brings a database of any version to the newest one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from service.contract.records import connect

ONE_AT_A_TIME = {
    "postgresql": "SELECT pg_advisory_xact_lock(7032221)",
    "sqlite": "BEGIN IMMEDIATE",
}


def upgrade(database_url: str, version: str = "head") -> None:
    """Create or migrate the database at the SQLAlchemy URL, in one transaction.

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
                command.upgrade(alembic_config(connection), version)
    finally:
        engine.dispose()


def alembic_config(connection: Connection) -> Config:
    """What alembic needs to run from code, wherever the package is installed."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
