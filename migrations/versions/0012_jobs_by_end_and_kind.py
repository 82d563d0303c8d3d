"""Indexes for what is asked every few seconds: jobs that ended lately, inspections that wait."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.create_index("ix_jobs_of_kind", "jobs", ["kind", "state", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_jobs_of_kind", "jobs")
    op.drop_index("ix_jobs_finished_at", "jobs")
