"""For every route: who may not see a thing cannot tell whether it exists.

Each request is made twice, with the id of a thing that another account has, and with an id that
nobody has. The two answers may differ in nothing but the id.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import update

from service.accounts import accounts
from service.app import create_app
from service.app_context import AppContext
from service.contract.records import ApiKey, now
from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.accounts import key_of

DESCRIPTION = create_app(Settings()).openapi()
PER_REQUEST = ("x-request-id", "ratelimit", "date", "content-length")
NO_BODY: Any = None


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    body: Any

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


def routes() -> Iterator[Route]:
    """Those that name a thing in their path or in their body."""
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            route = Route(method.upper(), path, example_of(operation))
            if path.startswith("/v1") and (route.parameters or ids_in(route.body)):
                yield route


def example_of(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" not in schema:
        return NO_BODY
    described = DESCRIPTION["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return described["examples"][0]


def ids_in(body: Any) -> list[str]:
    return [name for name in body or {} if name.endswith("_id")]


ROUTES = list(routes())


@pytest.fixture
def things(embedded_api: Client, tmp_path: Path) -> dict[str, str]:
    """The ids of everything that the first account has, by the name of the path's parameter."""
    context: AppContext = embedded_api.app.state.context  # type: ignore[attr-defined]
    job = stand_in.submit(embedded_api, context)
    variant = stand_in.succeed(context, job["id"], tmp_path)["large"]
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()
    webhook = embedded_api.post("/v1/webhooks", json={"url": "https://example.org/"}).json()
    return {
        "job_id": job["id"],
        "model_id": job["model_id"],
        "dataset_id": job["dataset_id"],
        "variant_id": variant,
        "upload_id": upload["id"],
        "key_id": key_of.create(embedded_api)["id"],
        "webhook_id": webhook["id"],
    }


def nobodys(row_id: str) -> str:
    return row_id.split("_")[0] + "_" + "0" * 28


def ask(api: Client, route: Route, ids: dict[str, str], headers: dict[str, str]) -> Any:
    """The answer, without what differs from request to request."""
    record = "model_id" if "/models" in route.path else "dataset_id"
    known = {**ids, "record_id": ids[record], "delivery_id": "del_" + "0" * 28, "number": "1"}
    path = route.path.format(**{name: known[name] for name in route.parameters})
    body = route.body
    if body is not None:
        body = {**body, **{name: known[name] for name in ids_in(body)}}
    answer = api.request(route.method, path, json=body, headers=headers)
    text = answer.text
    for row_id in known.values():
        text = text.replace(row_id, "ID") if row_id != "1" else text
    kept = {name: answer.headers[name] for name in answer.headers if name not in PER_REQUEST}
    return answer.status_code, text, kept


def with_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def outsiders(embedded_api: Client) -> dict[str, dict[str, str]]:
    """Headers of requests that may not see what the first account has."""
    context: AppContext = embedded_api.app.state.context  # type: ignore[attr-defined]
    expired, revoked = key_of.create(embedded_api), key_of.create(embedded_api)
    with context.sessions.begin() as session:
        past = now() - timedelta(seconds=1)
        session.execute(update(ApiKey).where(ApiKey.id == expired["id"]).values(expires_at=past))
    embedded_api.delete(f"/v1/keys/{revoked['id']}")
    measure = key_of.create(embedded_api, scopes=["measure"])
    return {
        "another account": with_key(str(accounts.open_account(context.sessions, "second"))),
        "no key": {"Authorization": ""},
        "an unknown key": with_key("l2c_unknown"),
        "an expired key": with_key(expired["secret"]),
        "a revoked key": with_key(revoked["secret"]),
        "a key with another scope": with_key(measure["secret"]),
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_can_tell_what_another_account_has(
    embedded_api: Client,
    things: dict[str, str],
    outsiders: dict[str, dict[str, str]],
    route: Route,
) -> None:
    absent = {name: nobodys(row_id) for name, row_id in things.items()}
    for who, headers in outsiders.items():
        existing = ask(embedded_api, route, things, headers)
        missing = ask(embedded_api, route, absent, headers)
        assert existing == missing, who
        expected = {"another account": 404, "a key with another scope": 403}.get(who, 401)
        assert existing[0] == expected, (who, existing)
    keys = ("an unknown key", "an expired key", "a revoked key")
    assert len({str(ask(embedded_api, route, things, outsiders[who])) for who in keys}) == 1
