"""Many API processes check the database's version, one migrates it."""

import pytest
from sqlalchemy import inspect

from service import database_version
from service.contract.records import connect
from service.contract.settings import Settings


def test_embedded_the_database_is_migrated(embedded: Settings) -> None:
    embedded.data_dir.mkdir(parents=True)
    database_version.prepare(embedded)
    assert "jobs" in inspect(connect(embedded.database)).get_table_names()


def test_in_production_an_old_database_is_refused_and_a_migrated_one_taken(
    embedded: Settings,
) -> None:
    embedded.data_dir.mkdir(parents=True)
    production = Settings(**{**embedded.model_dump(), "redis_url": "redis://127.0.0.1:1/0"})
    with pytest.raises(database_version.SchemaOutdated, match="python -m migrations"):
        database_version.prepare(production)
    database_version.prepare(embedded)
    database_version.prepare(production)
