"""Entries of the audit log are not changed, whoever asks the database for it.

They are deleted with their account, and when they are older than the operator keeps them.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

REFUSAL = "entries of the audit log are not changed"
IN_SQLITE = f"""
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
"""
IN_POSTGRESQL = f"""
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.execute(IN_SQLITE if _is_sqlite() else IN_POSTGRESQL)


def downgrade() -> None:
    if _is_sqlite():
        op.execute("DROP TRIGGER audit_entries_stay")
    else:
        op.execute("DROP FUNCTION refuse_change() CASCADE")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
