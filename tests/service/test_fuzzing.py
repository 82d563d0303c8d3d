"""schemathesis makes requests from the OpenAPI description; nothing may end in a 500 or in an
undescribed answer.
"""

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


async def without_start(scope: Any, receive: Any, send: Any) -> None:
    """APP, which schemathesis would start in a folder of its own; it borrows the context of the one
    that has started.
    """
    if scope["type"] != "lifespan":
        await APP(scope, receive, send)


DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", without_start).exclude(
    path_regex="/events$"
)
# Few in `make test`; those of the profile in `make bench-fuzz`.
EXAMPLES = 460 if settings.get_current_profile_name() == "thorough" else 12
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture
def known(embedded_api: Client) -> Iterator[dict[str, str]]:
    """Ids that exist, in what APP is lent of another for the test."""
    started: Any = embedded_api.app.state  # type: ignore[attr-defined]
    APP.state.context, APP.state.authentication = started.context, started.authentication
    job = stand_in.submit(embedded_api, APP.state.context)
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 70_000}).json()
    key = embedded_api.post("/v1/keys", json={"name": "other"}).json()
    webhook = embedded_api.post("/v1/webhooks", json={"url": "https://example.org/"}).json()
    yield {
        "job_id": job["id"],
        "record_id": job["model_id"],
        "upload_id": upload["id"],
        "key_id": key["id"],
        "webhook_id": webhook["id"],
    }
    del APP.state.context, APP.state.authentication


@DESCRIBED.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_no_request_is_a_server_error(
    case: Case, embedded_api: Client, known: dict[str, str]
) -> None:
    for name in set(case.path_parameters) & set(known):
        if random.Random(str(case.path_parameters)).random() < 0.5:
            case.path_parameters[name] = known[name]
    # Set on the case: the keys that schemathesis makes up come before those that are handed to the
    # call.
    case.headers["Authorization"] = embedded_api.headers["Authorization"]
    answer = case.call_and_validate(checks=CHECKS)
    left_out = (
        "Authorization" not in answer.request.headers
    )  # on purpose, in one case per operation
    assert left_out or answer.status_code != 401, "nothing behind the door was tested"
