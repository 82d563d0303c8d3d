"""Which kind of machine a job asks for and a worker has, and claiming by it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

CLAIM_ORDER = ["account_id", "state", "kind", "priority", "created_at"]


def upgrade() -> None:
    _add("jobs", "any")
    _add("workers", "cpu")
    op.drop_index("ix_jobs_claim_order", "jobs")
    columns = [*CLAIM_ORDER[:3], "device", *CLAIM_ORDER[3:]]
    op.create_index("ix_jobs_claim_order", "jobs", columns)


def downgrade() -> None:
    op.drop_index("ix_jobs_claim_order", "jobs")
    op.create_index("ix_jobs_claim_order", "jobs", CLAIM_ORDER)
    op.drop_column("workers", "device")
    op.drop_column("jobs", "device")


def _add(table: str, device: str) -> None:
    """A column that has ``device`` in the rows that are there, and no default for later ones."""
    op.add_column(table, sa.Column("device", sa.String(), nullable=True))
    op.execute(sa.text(f"UPDATE {table} SET device = :device").bindparams(device=device))
    with op.batch_alter_table(table) as batch:
        batch.alter_column("device", existing_type=sa.String(), nullable=False)
