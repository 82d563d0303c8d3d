"""The app as schemathesis sees it by its OpenAPI description, and what every answer must keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import schemathesis
from httpx import Client
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from service.accounts import accounts
from service.app import create_app
from service.contract.records import new_id
from service.contract.settings import Settings
from tests.service import stand_in

APP = create_app(Settings())
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


async def without_start(scope: Any, receive: Any, send: Any) -> None:
    """APP, which schemathesis would start in a folder of its own; it borrows the context of one
    that has started.
    """
    if scope["type"] != "lifespan":
        await APP(scope, receive, send)


DESCRIBED = schemathesis.openapi.from_asgi("/openapi.json", without_start).exclude(
    path_regex="/events$"
)


@contextmanager
def lent(client: Client) -> Iterator[dict[str, str]]:
    """APP works on what the client's app has started; ids of things that exist there."""
    started: Any = client.app.state  # type: ignore[attr-defined]
    APP.state.context, APP.state.authentication = started.context, started.authentication
    job = stand_in.submit(client, APP.state.context)
    upload = client.post("/v1/uploads", json={"filename": "a", "bytes": 70_000}).json()
    key = client.post("/v1/keys", json={"name": "other"}).json()
    webhook = client.post("/v1/webhooks", json={"url": "https://example.org/"}).json()
    yield {
        "job_id": job["id"],
        "model_id": job["model_id"],
        "dataset_id": job["dataset_id"],
        "record_id": job["model_id"],
        "upload_id": upload["id"],
        "key_id": key["id"],
        "webhook_id": webhook["id"],
    }
    del APP.state.context, APP.state.authentication


def as_new_account(client: Client) -> Client:
    """Another client of the same app."""
    other = copy(client)
    key = accounts.open_account(APP.state.context.sessions, new_id("account"))
    other.headers = client.headers.copy()
    other.headers["Authorization"] = f"Bearer {key}"
    return other
