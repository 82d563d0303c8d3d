"""One word for each thing: when the workers were last told of a job is ``notified_at``."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column("rung_at", new_column_name="notified_at")


def downgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column("notified_at", new_column_name="rung_at")
