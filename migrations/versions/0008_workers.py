"""Workers that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

SHORT, TIME = sa.String(255), sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", SHORT, primary_key=True),
        sa.Column("host", SHORT, nullable=False),
        sa.Column("version", SHORT, nullable=False),
        sa.Column("sandbox", SHORT, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("job_id", SHORT, nullable=True),
        sa.Column("draining", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("workers")
