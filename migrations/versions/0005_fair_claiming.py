"""What the order of claiming needs: a job's priority, and when its account was last served."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=True))
    op.execute("UPDATE jobs SET priority = 5")
    with op.batch_alter_table("jobs") as batch:
        batch.alter_column("priority", existing_type=sa.Integer(), nullable=False)
    op.create_index(
        "ix_jobs_claim_order", "jobs", ["account_id", "state", "kind", "priority", "created_at"]
    )
    op.drop_index("ix_jobs_account_id", "jobs")
    op.add_column("accounts", sa.Column("last_served_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("accounts", "last_served_at")
    op.create_index("ix_jobs_account_id", "jobs", ["account_id"])
    op.drop_index("ix_jobs_claim_order", "jobs")
    op.drop_column("jobs", "priority")
