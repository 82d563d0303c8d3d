"""The database's version: migrated in the embedded mode, only checked in production."""

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
            current, newest = migrations.version_of(connection), migrations.known_versions()[0]
    finally:
        engine.dispose()
    if current != newest:
        message = f"The database is at version {current}, not {newest}: run `python -m migrations`."
        raise migrations.WrongVersion(message)
