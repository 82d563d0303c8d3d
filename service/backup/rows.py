"""All rows of a database as lines of JSON, and back; the same from SQLite and from PostgreSQL.

Tables are taken as the database has them, not as this version's records describe them: so a
backup of an earlier version can be restored and then migrated.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Engine, Integer, MetaData, Table, func, select

from service.backup.manifest import TABLES, TableFile, table_path

VERSION_TABLE = "alembic_version"
ROWS_AT_ONCE = 500


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment of the database, whatever is written meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            connection = connection.execution_options(**options)
        with connection.begin():
            if engine.dialect.name == "sqlite":
                # The driver begins a transaction at the first write only.
                connection.exec_driver_sql("BEGIN")
            yield connection


def write_tables(connection: Connection, folder: Path) -> tuple[TableFile, ...]:
    """A file for each table, in an order in which rows come after those that they refer to."""
    (folder / TABLES).mkdir(parents=True, exist_ok=True)
    return tuple(_write(connection, table, folder) for table in _tables(connection))


def read_tables(connection: Connection, folder: Path) -> None:
    """Insert the rows into the empty tables of a database of the same version."""
    for table in _tables(connection):
        rows = _rows(table, table_path(folder, table.name))
        while some := list(islice(rows, ROWS_AT_ONCE)):
            connection.execute(table.insert(), some)
        if connection.dialect.name == "postgresql":
            _continue_numbers(connection, table)


def _tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                # None is written as NULL, not as the JSON word null.
                column.type.none_as_null = True
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def _write(connection: Connection, table: Table, folder: Path) -> TableFile:
    digest, count, size = hashlib.sha256(), 0, 0
    found = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(
        select(table)
    )
    with table_path(folder, table.name).open("wb") as file:
        for row in found.mappings():
            line = json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n"
            digest.update(line)
            file.write(line)
            count, size = count + 1, size + len(line)
    return TableFile(name=table.name, rows=count, bytes=size, sha256=digest.hexdigest())


def _rows(table: Table, path: Path) -> Iterator[dict[str, Any]]:
    moments = [each.name for each in table.columns if isinstance(each.type, DateTime)]
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            for name in moments:
                row[name] = row[name] and datetime.fromisoformat(row[name])
            yield row


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    # SQLite forgets the zone, which is UTC in every column.
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat()


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL would number further rows from 1."""
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer) and len(table.primary_key.columns) == 1:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(
                select(func.setval(sequence, select(func.max(column)).scalar_subquery()))
            )
