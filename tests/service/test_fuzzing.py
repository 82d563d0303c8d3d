"""schemathesis makes requests from the OpenAPI description; nothing may end in a 500 or in an undescribed answer."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from httpx import Client
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from service.app import create_app
from service.contract.settings import Settings
from tests.service import stand_in

Case = schemathesis.Case[Any]
APP = create_app(Settings())
DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", APP).exclude(path_regex="/events$")
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture
def known(embedded_api: Client) -> Iterator[dict[str, str]]:
    """Ids that exist, in the house that APP is lent for the test; APP itself never starts."""
    APP.state.house = embedded_api.app.state.house  # type: ignore[attr-defined]
    job = stand_in.submit(embedded_api, APP.state.house)
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "size": 70_000}).json()
    key = embedded_api.post("/v1/keys", json={"name": "other"}).json()
    yield {"job_id": job["id"], "record_id": job["model_id"], "upload_id": upload["id"], "key_id": key["id"]}
    del APP.state.house


@DESCRIBED.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_request_is_a_server_error(case: Case, embedded_api: Client, known: dict[str, str]) -> None:
    for name in set(case.path_parameters) & set(known):
        if random.Random(str(case.path_parameters)).random() < 0.5:
            case.path_parameters[name] = known[name]
    case.call_and_validate(headers={"Authorization": embedded_api.headers["Authorization"]}, checks=CHECKS)
