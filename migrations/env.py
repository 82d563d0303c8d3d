"""Run by alembic, on the connection of ``migrations.upgrade`` or of the settings."""

from alembic import context
from sqlalchemy import Connection

from service.contract.records import Base, connect
from service.contract.settings import Settings


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


if given := context.config.attributes.get("connection"):
    migrate(given)
else:
    with connect(Settings().database).connect() as own:
        migrate(own)
