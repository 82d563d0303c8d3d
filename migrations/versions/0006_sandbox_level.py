"""The sandbox that each job ran in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("sandbox", sa.String(255), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "sandbox")
