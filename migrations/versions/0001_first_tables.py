"""Accounts and keys, uploads, models and datasets, jobs with their events and variants."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)
TEXT = sa.String(255)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=nullable)


def _time(name: str, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, TIME, nullable=nullable)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _json(name: str, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _link(
    name: str, target: str, nullable: bool = False, ondelete: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, TEXT, sa.ForeignKey(target, ondelete=ondelete), nullable=nullable)


def _id() -> sa.Column[str]:
    return sa.Column("id", TEXT, primary_key=True)


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    _accounts()
    _uploads()
    _reviewed("models")
    _reviewed("datasets")
    _jobs()
    _events()
    _variants()


def _accounts() -> None:
    op.create_table(
        "accounts", _id(), _text("name"), _time("created_at", False), sa.UniqueConstraint("name")
    )
    op.create_table(
        "api_keys",
        _id(),
        _link("account_id", "accounts.id"),
        _text("name"),
        _text("sha256"),
        _time("created_at", False),
        sa.UniqueConstraint("sha256"),
    )
    _index("api_keys", "account_id")


def _uploads() -> None:
    op.create_table(
        "uploads",
        _id(),
        _link("account_id", "accounts.id"),
        _text("filename"),
        _big("size"),
        _big("part_size"),
        _text("sha256", True),
        _time("completed_at"),
        _time("created_at", False),
    )
    _index("uploads", "account_id")
    op.create_table(
        "upload_parts",
        _link("upload_id", "uploads.id", ondelete="CASCADE"),
        sa.Column("number", sa.Integer(), nullable=False),
        _big("size"),
        _text("sha256"),
        sa.PrimaryKeyConstraint("upload_id", "number"),
    )


def _reviewed(table: str) -> None:
    op.create_table(
        table,
        _id(),
        _link("account_id", "accounts.id"),
        _link("upload_id", "uploads.id"),
        _text("name"),
        _text("state"),
        _json("error"),
        _json("description"),
        _time("created_at", False),
        sa.UniqueConstraint("upload_id"),
    )
    _index(table, "account_id")


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id(),
        _link("account_id", "accounts.id"),
        _text("kind"),
        _link("model_id", "models.id", True),
        _link("dataset_id", "datasets.id", True),
        _json("spec", False),
        _text("state"),
        _text("stage"),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("eta_seconds", sa.Double(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        _json("error"),
        _json("report"),
        _text("artifacts_prefix", True),
        _text("checkpoint_key", True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("lease_token", True),
        _time("lease_expires_at"),
        _time("rung_at"),
        _time("created_at", False),
        _time("started_at"),
        _time("finished_at"),
    )
    for column in ("account_id", "created_at", "dataset_id", "model_id"):
        _index("jobs", column)
    op.create_index("ix_jobs_state_lease", "jobs", ["state", "lease_expires_at"])


def _events() -> None:
    op.create_table(
        "job_events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        _link("job_id", "jobs.id", ondelete="CASCADE"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("type"),
        _json("data", False),
        _time("created_at", False),
    )
    _index("job_events", "job_id")


def _variants() -> None:
    op.create_table(
        "variants",
        _id(),
        _link("account_id", "accounts.id"),
        _link("job_id", "jobs.id"),
        _text("name"),
        _text("filename"),
        _text("key"),
        _text("sha256"),
        _big("bytes"),
        _json("metrics", False),
        _time("created_at", False),
    )
    for column in ("account_id", "job_id"):
        _index("variants", column)
    op.create_index("ux_variants_job_name", "variants", ["job_id", "name"], unique=True)


def downgrade() -> None:
    for table in (
        "variants",
        "job_events",
        "jobs",
        "datasets",
        "models",
        "upload_parts",
        "uploads",
        "api_keys",
    ):
        op.drop_table(table)
    op.drop_table("accounts")
