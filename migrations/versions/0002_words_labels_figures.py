"""New words in specs and reports; names, labels, columns of figures; deletions as rows."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.rewriting import Json, dataset_description, metrics_of, report_of, spec_of

revision = "0002"
down_revision = "0001"

RENAMED = (
    ("jobs", "rung_at", "notified_at"),
    ("uploads", "size", "bytes"),
    ("uploads", "part_size", "part_bytes"),
    ("upload_parts", "size", "bytes"),
)
LABELLED = ("models", "datasets", "jobs")
FIGURES: dict[str, sa.types.TypeEngine[Any]] = {
    "quantization": sa.String(255),
    "macs": sa.BigInteger(),
    "latency_ms": sa.Double(),
    "top1": sa.Double(),
    "top3": sa.Double(),
    "top5": sa.Double(),
}
UNKNOWN_BEFORE = ("top3",)
JOBS = sa.table("jobs", *map(sa.column, ("id", "model_id", "name")))
MODELS = sa.table("models", *map(sa.column, ("id", "name")))
JSON_COLUMNS: dict[str, dict[str, Callable[[Json], Json]]] = {
    "jobs": {"spec": spec_of, "report": report_of},
    "datasets": {"description": dataset_description},
    "variants": {"metrics": metrics_of},
}


def upgrade() -> None:
    for table, old, new in RENAMED:
        _rename(table, old, new)
    op.create_table(
        "deletions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("prefix", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    for table in LABELLED:
        op.add_column(table, sa.Column("labels", sa.JSON(), nullable=True))
        op.execute(f"UPDATE {table} SET labels = '{{}}'")
    op.add_column("jobs", sa.Column("name", sa.String(255), nullable=True))
    for name, kind in FIGURES.items():
        op.add_column("variants", sa.Column(name, kind, nullable=True))
    _name_jobs()
    for table, columns in JSON_COLUMNS.items():
        for column, rewritten in columns.items():
            _rewrite(table, column, rewritten)
    _fill_figures()
    for table in LABELLED:
        _require(table, "labels", sa.JSON())
    _require("jobs", "name", sa.String(255))
    for name, kind in FIGURES.items():
        if name not in UNKNOWN_BEFORE:
            _require("variants", name, kind)


def downgrade() -> None:
    """The tables as before; stored specs and reports keep the new words.

    So 0001 cannot read the jobs of today, but nothing is lost when the database goes forward again.
    """
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(sa.table("deletions"))):
        raise RuntimeError("Some stored files are still to be deleted: run the service once more.")
    for name in FIGURES:
        op.drop_column("variants", name)
    op.drop_column("jobs", "name")
    for table in LABELLED:
        op.drop_column(table, "labels")
    op.drop_table("deletions")
    for table, old, new in RENAMED:
        _rename(table, new, old)


def _rename(table: str, old: str, new: str) -> None:
    # Not alembic's batch mode, which copies the table and, in SQLite, drops what refers to it.
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _require(table: str, column: str, kind: sa.types.TypeEngine[Any]) -> None:
    with op.batch_alter_table(table) as batch:
        batch.alter_column(column, existing_type=kind, nullable=False)


def _name_jobs() -> None:
    named = sa.select(MODELS.c.name).where(MODELS.c.id == JOBS.c.model_id).scalar_subquery()
    op.execute(JOBS.update().values(name=sa.func.coalesce(named, "")))


def _rewrite(table: str, column: str, rewritten: Callable[[Json], Json]) -> None:
    """Pass every value of a JSON column through ``rewritten``, a row at a time."""
    stored = sa.table(table, sa.column("id"), sa.column(column, sa.JSON()))
    connection = op.get_bind()
    for row_id in connection.scalars(sa.select(stored.c.id)).all():
        value = connection.scalar(sa.select(stored.c[column]).where(stored.c.id == row_id))
        if value is not None:
            try:
                value = rewritten(value)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                problem = f"{table}.{column} of {row_id} is not as version 0001 wrote it: {error!r}"
                raise ValueError(problem) from error
            change = stored.update().where(stored.c.id == row_id)
            connection.execute(change.values({column: value}))


def _fill_figures() -> None:
    names = ("id", "name", "filename", *FIGURES)
    stored = sa.table("variants", *map(sa.column, names), sa.column("metrics", sa.JSON()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(stored.c.id, stored.c.name, stored.c.metrics)).all():
        found = {name: row.metrics[name] for name in FIGURES}
        found |= {"latency_ms": row.metrics["latency_ms"]["p50"], "filename": f"{row.name}.tflite"}
        connection.execute(stored.update().where(stored.c.id == row.id).values(found))
