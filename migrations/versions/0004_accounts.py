"""Keys with scopes, a job, an end and rotation; accounts with limits and suspension."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ALL_SCOPES = ["read", "upload", "jobs", "channels", "keys", "measure", "channel-read"]
TEXT, TIME = sa.String(255), sa.DateTime(timezone=True)
JOB_OF_KEY = "fk_api_keys_job_id_jobs"
PREVIOUS_SECRET = "uq_api_keys_previous_sha256"


def upgrade() -> None:
    """A key that there is may do everything, as before."""
    op.add_column("api_keys", sa.Column("scopes", sa.JSON(), nullable=True))
    op.execute(f"UPDATE api_keys SET scopes = '{json.dumps(ALL_SCOPES)}'")
    with op.batch_alter_table("api_keys") as batch:
        batch.alter_column("scopes", existing_type=sa.JSON(), nullable=False)
        batch.add_column(sa.Column("job_id", TEXT, nullable=True))
        batch.add_column(sa.Column("previous_sha256", TEXT, nullable=True))
        for name in ("expires_at", "previous_ends_at", "last_used_at"):
            batch.add_column(sa.Column(name, TIME, nullable=True))
        batch.create_foreign_key(JOB_OF_KEY, "jobs", ["job_id"], ["id"], ondelete="CASCADE")
        batch.create_unique_constraint(PREVIOUS_SECRET, ["previous_sha256"])
    op.create_index("ix_api_keys_job_id", "api_keys", ["job_id"])
    op.add_column("accounts", sa.Column("suspended_at", TIME, nullable=True))
    op.add_column("accounts", sa.Column("limits", sa.JSON(), nullable=True))
    op.execute("UPDATE accounts SET limits = '{}'")
    with op.batch_alter_table("accounts") as batch:
        batch.alter_column("limits", existing_type=sa.JSON(), nullable=False)
    op.create_table(
        "worker_time",
        sa.Column("account_id", TEXT, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("month", TEXT, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "month"),
    )
    for table in ("models", "datasets"):
        op.add_column(table, sa.Column("last_used_at", TIME, nullable=True))
    op.create_table(
        "audit_entries",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("account_id", TEXT, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("object_id", TEXT, nullable=True),
        sa.Column("address", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_audit_entries_account_time", "audit_entries", ["account_id", "created_at"])


def downgrade() -> None:
    """Keys that are bound or limited are deleted: they would open the whole account."""
    op.drop_table("audit_entries")
    for table in ("models", "datasets"):
        op.drop_column(table, "last_used_at")
    op.drop_table("worker_time")
    for name in ("limits", "suspended_at"):
        op.drop_column("accounts", name)
    op.execute(f"DELETE FROM api_keys WHERE CAST(scopes AS TEXT) <> '{json.dumps(ALL_SCOPES)}'")
    op.execute("DELETE FROM api_keys WHERE job_id IS NOT NULL OR expires_at IS NOT NULL")
    op.drop_index("ix_api_keys_job_id", "api_keys")
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_constraint(JOB_OF_KEY, type_="foreignkey")
        batch.drop_constraint(PREVIOUS_SECRET, type_="unique")
        for name in ("scopes", "job_id", "previous_sha256", "expires_at", "previous_ends_at"):
            batch.drop_column(name)
        batch.drop_column("last_used_at")
