"""The database's version: brought up to date where there is one process, only checked where there
are many.
"""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import migrations
from service.contract.records import connect
from service.contract.settings import Settings


class SchemaOutdated(RuntimeError):
    """The database is not at the version that this code needs."""


def prepare(settings: Settings) -> None:
    """Migrate in the embedded mode; else raise SchemaOutdated unless the operator has migrated."""
    if not settings.redis_url:
        migrations.upgrade(settings.database)
        return
    engine = connect(settings.database)
    try:
        with engine.connect() as connection:
            current = set(MigrationContext.configure(connection).get_current_heads())
            wanted = set(
                ScriptDirectory.from_config(migrations.alembic_config(connection)).get_heads()
            )
    finally:
        engine.dispose()
    if current != wanted:
        raise SchemaOutdated(
            f"The database is at version {current or 'none'}, not {wanted}: run `python -m migrations`."
        )
