"""Keys have scopes."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"

ALL_SCOPES = ["read", "upload", "jobs", "channels", "keys", "measure", "channel-read"]


def upgrade() -> None:
    """A key that there is may do everything, as before."""
    op.add_column("api_keys", sa.Column("scopes", sa.JSON(), nullable=True))
    op.execute(f"UPDATE api_keys SET scopes = '{json.dumps(ALL_SCOPES)}'")
    with op.batch_alter_table("api_keys") as batch:
        batch.alter_column("scopes", existing_type=sa.JSON(), nullable=False)


def downgrade() -> None:
    op.drop_column("api_keys", "scopes")
