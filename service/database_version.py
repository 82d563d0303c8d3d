"""The database's version: migrated in the embedded mode, only checked in production."""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import migrations
from service.contract.records import connect
from service.contract.settings import Settings


def prepare(settings: Settings) -> None:
    """Migrate in the embedded mode; else raise WrongVersion unless the operator has migrated."""
    if not settings.redis_url:
        migrations.upgrade(settings.database)
        return
    engine = connect(settings.database)
    try:
        with engine.connect() as connection:
            migrations.refuse_newer(connection)
            current = set(MigrationContext.configure(connection).get_current_heads())
            config = migrations.alembic_config(connection)
            wanted = set(ScriptDirectory.from_config(config).get_heads())
    finally:
        engine.dispose()
    if current != wanted:
        found = current or "none"
        message = f"The database is at version {found}, not {wanted}: run `python -m migrations`."
        raise migrations.WrongVersion(message)
