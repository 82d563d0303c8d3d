"""Answers of creating requests, by their Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TEXT = sa.String(255)


def upgrade() -> None:
    op.create_table(
        "idempotent_requests",
        sa.Column("account_id", TEXT, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("location", TEXT, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key"),
    )
    op.create_index("ix_idempotent_requests_expires_at", "idempotent_requests", ["expires_at"])


def downgrade() -> None:
    op.drop_table("idempotent_requests")
