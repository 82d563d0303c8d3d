"""Webhooks with their secrets and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SHORT, TIME = sa.String(255), sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", SHORT, primary_key=True),
        sa.Column("account_id", SHORT, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_webhooks_account_id", "webhooks", ["account_id"])
    op.create_table(
        "webhook_secrets",
        sa.Column("id", SHORT, primary_key=True),
        _webhook_id(),
        sa.Column("secret", SHORT, nullable=False),
        sa.Column("ends_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_webhook_secrets_webhook_id", "webhook_secrets", ["webhook_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", SHORT, primary_key=True),
        _webhook_id(),
        sa.Column("event", SHORT, nullable=False),
        sa.Column("object_id", SHORT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", SHORT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", TIME, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id"])
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_try_at"])


def downgrade() -> None:
    for table in ("webhook_deliveries", "webhook_secrets", "webhooks"):
        op.drop_table(table)


def _webhook_id() -> sa.Column[str]:
    link = sa.ForeignKey("webhooks.id", ondelete="CASCADE")
    return sa.Column("webhook_id", SHORT, link, nullable=False)
