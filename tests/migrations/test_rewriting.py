"""A database with finished jobs of version 0001 answers every GET with today's words."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from httpx import Client
from sqlalchemy import inspect, text
from starlette.testclient import TestClient

from migrations import alembic_config, upgrade
from service.app import create_app
from service.contract.records import connect
from service.contract.settings import Settings
from tests.migrations import version_0001
from tests.migrations.test_upgrade import database

__all__ = ["database"]


@pytest.fixture
def old(database: str) -> str:
    """The URL of a database of version 0001 with its rows."""
    engine = connect(database)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    version_0001.fill(engine)
    engine.dispose()
    return database


@pytest.fixture
def api(old: str, tmp_path: Path) -> Any:
    """A service on the upgraded database, whose files are gone."""
    upgrade(old)
    settings = Settings(data_dir=tmp_path / "data", database_url=old)
    with TestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {version_0001.SECRET}"
        yield client


def get(api: Client, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def test_no_row_is_lost(old: str) -> None:
    def counts() -> dict[str, int]:
        engine = connect(old)
        with engine.connect() as connection:
            names = [name for name, _ in version_0001.TABLES]
            return {
                name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
                for name in names
            }

    before = counts()
    upgrade(old)
    assert counts() == before == {name: len(rows) for name, rows in version_0001.TABLES}


def test_every_get_answers(api: Client) -> None:
    jobs = [job["id"] for job in get(api, "/v1/jobs")["items"]]
    assert sorted(jobs) == ["job_1", "job_2", "job_3"]
    for job_id in jobs:
        get(api, f"/v1/jobs/{job_id}")
    for path in ("/v1/keys", "/v1/uploads", "/v1/models", "/v1/datasets", "/v1/variants"):
        assert get(api, path)["items"]
    for path in ("models/mod_1", "datasets/dat_1", "uploads/upl_1", "variants/var_3"):
        get(api, f"/v1/{path}")


def test_a_finished_job_speaks_todays_words(api: Client) -> None:
    job = get(api, "/v1/jobs/job_1")
    assert (job["name"], job["labels"]) == ("net", {})
    assert (job["spec"]["family"], job["spec"]["teacher_training"]) == ("pruned", "joint")
    small = next(variant for variant in job["variants"] if variant["name"] == "small")
    assert small["filename"] == "small.tflite"
    metrics = small["metrics"]
    assert (metrics["family"], metrics["width"], metrics["depth"]) == ("pruned", 33, 1)
    assert (metrics["budget"]["requested"]["max_bytes"], metrics["budget"]["kept"]) == (9000, True)
    assert (metrics["top1"], metrics["top3"]) == (0.9, None)
    report = get(api, "/v1/jobs/job_1/report")
    assert [row["file"] for row in report["variants"]] == [
        "small.tflite",
        "small-float16.tflite",
        "teacher-int8.tflite",
    ]
    assert report["recipe"]["teacher_training"] == "joint"
    assert report["versions"]["tf_keras"] == "2.21.0"


def test_old_variants_are_found_by_their_figures(api: Client) -> None:
    def found(query: str) -> list[str]:
        return [each["name"] for each in get(api, f"/v1/variants?{query}")["items"]]

    assert found("quantization=float16") == ["small-float16"]
    assert found("max_latency_ms=0.05") == []
    assert found("min_top3=0.1") == []
    assert len(found("min_top1=0.9&sort=bytes")) == 3


def test_a_download_has_the_new_name_and_the_old_key(old: str) -> None:
    upgrade(old)
    with connect(old).connect() as connection:
        names = connection.execute(text("SELECT filename, key FROM variants ORDER BY id")).all()
    assert names[0].filename == "small.tflite"
    assert names[0].key.endswith("small-teacher-w33-d1-28x28x1-int8.tflite")


def test_the_tables_can_go_back(old: str) -> None:
    upgrade(old)
    engine = connect(old)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    columns = {column["name"] for column in inspect(engine).get_columns("uploads")}
    assert {"size", "part_size"} <= columns and "bytes" not in columns


def test_what_went_back_and_forward_is_as_before(old: str) -> None:
    def rows() -> list[Any]:
        with connect(old).connect() as connection:
            return [
                list(connection.execute(text(f"SELECT * FROM {name} ORDER BY id")).mappings())
                for name in ("jobs", "datasets", "variants")
            ]

    upgrade(old)
    before = rows()
    with connect(old).begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    upgrade(old)
    assert rows() == before


def test_it_does_not_go_back_before_everything_is_deleted(old: str) -> None:
    upgrade(old)
    with connect(old).begin() as connection:
        insert = "INSERT INTO deletions (prefix, created_at) VALUES ('jobs/x/', '2026-01-01')"
        connection.execute(text(insert))
    with pytest.raises(RuntimeError, match="still to be deleted"), connect(old).begin() as back:
        command.downgrade(alembic_config(back), "0001")


def test_a_report_that_no_engine_wrote_is_named(old: str) -> None:
    with connect(old).begin() as connection:
        odd = """UPDATE jobs SET report = '{"variants": []}' WHERE id = 'job_1'"""
        connection.execute(text(odd))
    with pytest.raises(ValueError, match=r"jobs\.report of job_1"):
        upgrade(old)
