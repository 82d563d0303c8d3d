"""An index for the list of an account's jobs, newest first."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_jobs_of_account", "jobs", ["account_id", "kind", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_of_account", "jobs")
