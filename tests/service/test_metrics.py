"""The figures that Prometheus reads: on a port of their own, of requests and of the job table."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from service.accounts import accounts
from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.records import connect, now, sessions
from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from service.job_metrics import JobCollector
from tests import server_processes
from tests.service import stand_in
from tests.service.client_of import serving

Figures = dict[tuple[str, frozenset[str]], float]


def figure(figures: Figures, name: str, *labels: str) -> float | None:
    return figures.get((name, frozenset(labels)))


def of_jobs(context: AppContext) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in JobCollector(context.sessions).collect()
        for sample in family.samples
    }


def test_the_job_table_is_counted(api: TestClient, context: AppContext) -> None:
    waiting, running, lost, failed = (stand_in.submit(api, context)["id"] for _ in range(4))
    stand_in.move(context, running, JobState.RUNNING)
    stand_in.move(context, lost, JobState.RUNNING, lease_expires_at=now().replace(year=2020))
    error = {"code": "engine_crashed", "message": "m", "hint": "h"}
    stand_in.move(context, failed, JobState.FAILED, error=error, finished_at=now())
    found = of_jobs(context)
    assert figure(found, "l2c_jobs_waiting", "compression", "any") == 1
    assert 0 <= (figure(found, "l2c_jobs_oldest_waiting_seconds", "compression", "any") or 0) < 60
    assert figure(found, "l2c_jobs_running", "compression", "any") == 2
    assert figure(found, "l2c_jobs_lease_expired", "compression", "any") == 1
    assert figure(found, "l2c_jobs_waiting", "model_inspection", "any") == 0
    ended = ("compression", "failed", "engine_crashed")
    assert figure(found, "l2c_jobs_ended_last_hour", *ended) == 1
    assert figure(found, "l2c_database_up") == 1
    assert waiting != running


def test_jobs_that_no_worker_may_take_do_not_wait(api: TestClient, context: AppContext) -> None:
    postponed, _ = (stand_in.submit(api, context)["id"] for _ in range(2))
    stand_in.move(context, postponed, JobState.QUEUED, not_before=now() + timedelta(hours=1))
    found = of_jobs(context)
    assert figure(found, "l2c_jobs_waiting", "compression", "any") == 1
    assert figure(found, "l2c_jobs_held", "compression", "any") == 1
    accounts.suspend(context.sessions, "first")
    found = of_jobs(context)
    assert figure(found, "l2c_jobs_waiting", "compression", "any") == 0
    assert figure(found, "l2c_jobs_held", "compression", "any") == 2


def test_a_job_that_ended_long_ago_is_not_recent(api: TestClient, context: AppContext) -> None:
    job = stand_in.submit(api, context)["id"]
    stand_in.move(context, job, JobState.CANCELLED, finished_at=now().replace(year=2020))
    names = {name for name, _ in of_jobs(context)}
    assert "l2c_jobs_ended_last_hour" not in names


def test_a_database_that_does_not_answer_is_a_figure_too(tmp_path: Path) -> None:
    nowhere = JobCollector(sessions(connect(f"sqlite:///{tmp_path}/missing/l2c.sqlite")))
    [family] = nowhere.collect()
    assert [(sample.name, sample.value) for sample in family.samples] == [("l2c_database_up", 0)]


def test_requests_that_the_store_fails_are_counted(embedded_api: Any) -> None:
    address: dict[str, Any] = {"s3_bucket": "b", "s3_endpoint_url": "http://127.0.0.1:1"}
    secrets: dict[str, Any] = {"s3_access_key_id": "a", "s3_secret_access_key": "b"}
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    state = embedded_api.app.state
    state.context = replace(state.context, store=S3Store(Settings(**address, **secrets)))
    assert embedded_api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc").status_code == 503
    name, registry = "l2c_http_problems_total", state.metrics.registry
    assert registry.get_sample_value(name, {"code": "storage_unavailable"}) == 1
    assert registry.get_sample_value(name, {"code": "unavailable"}) == 0


@pytest.fixture
def measured(embedded: Settings) -> Iterator[tuple[httpx.Client, str]]:
    """A served API, and the address of its metrics."""
    port = server_processes.free_port()
    settings = Settings(**{**embedded.model_dump(), "metrics_port": port})
    with serving(settings) as client:
        yield client, f"http://127.0.0.1:{port}/metrics"


def test_metrics_have_a_port_of_their_own(measured: tuple[httpx.Client, str]) -> None:
    client, address = measured
    stand_in.submit(client, client.context)  # type: ignore[attr-defined]
    assert client.get("/metrics").status_code == 404
    told = httpx.get(address).text
    families = {each.name: each for each in text_string_to_metric_families(told)}
    assert {"l2c_http_requests", "l2c_jobs_waiting", "process_open_fds"} <= families.keys()
    routes = {sample.labels["route"] for sample in families["l2c_http_requests"].samples}
    assert "/v1/jobs" in routes and "/v1/models/upload" in routes
    assert "_created" not in told


def test_nobody_answers_there_when_the_api_has_ended(embedded: Settings) -> None:
    port = server_processes.free_port()
    for _ in range(2):
        with serving(Settings(**{**embedded.model_dump(), "metrics_port": port})):
            assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/metrics")
