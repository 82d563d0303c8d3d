"""Each request has an id, one line in the log without secrets, and its figures."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from service.contract import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the API logs as JSON."""
    stream, log = io.StringIO(), logging.getLogger("service")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json", "api"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def accesses(written: io.StringIO) -> list[dict[str, Any]]:
    every = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in every if line["logger"] == "service.access"]


def figure(api: TestClient, name: str, **labels: str) -> float:
    registry: CollectorRegistry = api.app.state.metrics.registry  # type: ignore[attr-defined]
    return registry.get_sample_value(name, labels) or 0


def test_a_client_s_plain_id_is_kept(embedded_api: TestClient, written: io.StringIO) -> None:
    answer = embedded_api.get("/v1/jobs", headers={"X-Request-ID": "build-7.a_B"})
    assert answer.headers["X-Request-ID"] == "build-7.a_B"
    assert [line["request_id"] for line in accesses(written)] == ["build-7.a_B"]


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, 'quote"', "a;b"])
def test_any_other_id_is_replaced(embedded_api: TestClient, given: str) -> None:
    embedded_api.headers["X-Request-ID"] = given
    answer = embedded_api.get("/v1/jobs")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/v1/jobs", 405), ("POST", "/v1/jobs", 422)],
)
def test_refusals_have_an_id_and_are_counted(
    embedded_api: TestClient, method: str, path: str, status: int
) -> None:
    answer = embedded_api.request(method, path)
    assert answer.status_code == status and answer.headers["X-Request-ID"]
    assert figure(embedded_api, "l2c_http_problems_total", code=answer.json()["code"]) == 1


def test_what_another_layer_refuses_is_counted_too(embedded_api: TestClient) -> None:
    answer = embedded_api.post("/v1/jobs", content=b"x" * 5_000_000)
    assert answer.status_code == 413 and answer.headers["X-Request-ID"]
    assert figure(embedded_api, "l2c_http_problems_total", code="body_too_large") == 1


def test_the_line_has_no_query_string_and_no_key(
    embedded_api: TestClient, written: io.StringIO
) -> None:
    embedded_api.get("/v1/jobs", params={"label": "password:hush"})
    key = str(embedded_api.headers["Authorization"]).split()[1]
    [line] = accesses(written)
    assert "hush" not in written.getvalue() and key not in written.getvalue()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/jobs", 200)
    assert line["message"].startswith("GET /v1/jobs 200 in ") and line["sent_bytes"] > 10


def test_a_line_break_in_a_path_makes_no_second_line(
    embedded_api: TestClient, written: io.StringIO
) -> None:
    embedded_api.get("/v1/x%0aINFO forged")
    [line] = accesses(written)
    assert "\n" not in line["message"] and "%0A" in line["path"]


def test_probes_that_succeed_are_not_logged(embedded_api: TestClient, written: io.StringIO) -> None:
    assert embedded_api.get("/healthz").status_code == 200
    assert accesses(written) == []


def test_requests_are_counted_by_the_template_of_their_route(embedded_api: TestClient) -> None:
    for number in range(3):
        embedded_api.get(f"/v1/jobs/job_{number:028}")
    told = {"route": "/v1/jobs/{job_id}", "method": "GET"}
    assert figure(embedded_api, "l2c_http_requests_total", **told, status="404") == 3
    assert figure(embedded_api, "l2c_http_request_seconds_count", **told) == 3


def test_a_method_that_a_stranger_invents_is_no_label_of_its_own(embedded_api: TestClient) -> None:
    embedded_api.request("INVENTED", "/v1/jobs")
    labels = {"route": "/v1/jobs", "method": "other", "status": "405"}
    assert figure(embedded_api, "l2c_http_requests_total", **labels) == 1


def test_bytes_of_bodies_are_counted(embedded_api: TestClient) -> None:
    answer = embedded_api.post(
        "/v1/models/upload", params={"filename": "a.keras"}, content=b"x" * 5000
    )
    assert figure(embedded_api, "l2c_http_received_bytes_total") == 5000
    assert figure(embedded_api, "l2c_http_sent_bytes_total") == len(answer.content)
