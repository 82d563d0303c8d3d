"""Jobs that wait for a store or a disk, and failures counted apart from attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("failures", sa.Integer(), nullable=True))
    # Until now every attempt counted, except those that a stopping worker gave back.
    op.execute("UPDATE jobs SET failures = attempts")
    op.add_column("jobs", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("postponed_since", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("jobs") as batch:
        batch.alter_column("failures", existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    for name in ("failures", "not_before", "postponed_since"):
        op.drop_column("jobs", name)
