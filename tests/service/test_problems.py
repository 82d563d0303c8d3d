"""Every error is problem+json with a stable code, and an unexpected one tells nothing about the
inside.
"""

import errno
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from httpx import Client
from sqlalchemy.exc import OperationalError

from service.app_context import AppContext
from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from service.contract.storage import Store
from tests.service import stand_in


class BrokenStore:
    """A store whose every answer is the same error."""

    def __init__(self, store: Store, error: Exception):
        self._store, self._error = store, error

    def put(self, key: str, path: Path) -> None:
        raise self._error

    def get(self, key: str, path: Path) -> None:
        raise self._error

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        raise self._error

    def size(self, key: str) -> int:
        raise self._error

    def check(self) -> None:
        raise self._error

    def delete(self, prefix: str) -> None:
        self._store.delete(prefix)

    def url(self, key: str, filename: str) -> str | None:
        return None


def break_store(api: Any, error: Exception) -> None:
    api.app.state.context = replace(
        api.app.state.context, store=BrokenStore(api.app.state.context.store, error)
    )


def problem(answer: Any, status: int, code: str) -> Any:
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    body = answer.json()
    assert body["type"] == f"urn:l2c:problem:{code}"
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"] and body["detail"] and "hint" in body
    return body


def test_unknown_addresses_and_methods(api: Client) -> None:
    problem(api.get("/v1/nothing"), 404, "not_found")
    problem(api.get("/"), 404, "not_found")
    problem(api.get("/v1/jobs/"), 404, "not_found")
    for path, methods in {
        "/v1/keys/key_0": "DELETE",
        "/v1/keys": "GET, POST",
        "/v1/models/mod_0": "DELETE, GET",
    }.items():
        answer = api.put(path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == methods
    assert "GET" in api.post("/docs").headers["allow"]


def test_malformed_input_says_where_and_does_not_repeat_the_input(api: Client) -> None:
    body = problem(
        api.post("/v1/uploads", json={"filename": "a", "bytes": "secret"}), 422, "malformed"
    )
    assert body["errors"][0]["loc"] == "body.bytes" and "secret" not in str(body)
    problem(
        api.post("/v1/uploads", content=b"{", headers={"Content-Type": "application/json"}),
        422,
        "malformed",
    )
    problem(
        api.post("/v1/jobs", content=b"&\xff", headers={"Content-Type": "application/json"}),
        422,
        "malformed",
    )
    problem(api.get("/v1/jobs/UPPER"), 422, "malformed")


def test_json_that_is_not_announced_as_such_is_malformed_and_the_hint_says_how(
    embedded_api: Client,
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl -d sends
    answer = embedded_api.post(
        "/v1/uploads", content=b'{"filename": "a", "bytes": 3}', headers=headers
    )
    assert "Content-Type: application/json" in problem(answer, 422, "malformed")["hint"]


@pytest.mark.parametrize(
    "path", ["/v1/uploads", "/v1/uploads/parts/complete", "/v1/jobs", "/v1/keys"]
)
@pytest.mark.parametrize("announced", [True, False])
def test_json_larger_than_any_request_needs_is_refused_without_a_key(
    embedded_api: Client, path: str, announced: bool
) -> None:
    pieces = [bytes(1024 * 1024)] * 5
    headers = {"Content-Type": "application/json", "Authorization": ""}
    answer = embedded_api.post(
        path, content=b"".join(pieces) if announced else iter(pieces), headers=headers
    )
    problem(answer, 413, "body_too_large")


def test_a_full_disk_is_told_and_leaves_nothing(api: Client, context: AppContext) -> None:
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    break_store(api, OSError(errno.ENOSPC, "No space left on device"))
    problem(api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc"), 507, "storage_full")
    problem(api.post("/v1/models/upload?filename=a", content=bytes(200_000)), 507, "storage_full")
    assert list(context.settings.work_dir.iterdir()) == []
    assert api.get(f"/v1/uploads/{upload}").json()["parts"] == []
    assert api.get("/v1/models").json()["items"] == []


def test_the_unexpected_tells_nothing(api: Client, context: AppContext) -> None:
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    for error in (RuntimeError("the password is swordfish"), PermissionError(13, "swordfish")):
        break_store(api, error)
        answer = api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc")
        problem(answer, 500, "internal")
        assert "swordfish" not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize(
    "cause", [sqlite3.OperationalError("database or disk is full"), psycopg.errors.DiskFull()]
)
def test_a_database_whose_disk_is_full_says_so(embedded_api: Client, cause: Exception) -> None:
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    break_store(embedded_api, OperationalError("INSERT", {}, cause))
    problem(embedded_api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc"), 507, "storage_full")


def test_a_database_that_does_not_answer_is_unavailable(api: Client) -> None:
    break_store(api, OperationalError("SELECT 1", {}, Exception("connection refused")))
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    problem(api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc"), 503, "unavailable")


@pytest.fixture
def dead_store(tmp_path: Path) -> Store:
    """The S3 store of an address where nobody listens."""
    address: dict[str, Any] = {"s3_bucket": "b", "s3_endpoint_url": "http://127.0.0.1:1"}
    secrets: dict[str, Any] = {"s3_access_key_id": "a", "s3_secret_access_key": "b"}
    return S3Store(Settings(data_dir=tmp_path, **address, **secrets))


def test_an_object_store_that_does_not_answer_is_unavailable(
    embedded_api: Any, dead_store: Store
) -> None:
    upload = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    done = embedded_api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    embedded_api.put(f"/v1/uploads/{done}/parts/1", content=b"abc")
    embedded_api.app.state.context = replace(embedded_api.app.state.context, store=dead_store)
    problem(
        embedded_api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc"),
        503,
        "storage_unavailable",
    )
    problem(embedded_api.post(f"/v1/uploads/{done}/complete", json={}), 503, "storage_unavailable")


def test_openapi_is_complete(api: Client) -> None:
    description = api.get("/openapi.json").json()
    assert "Problem" in description["components"]["schemas"]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            secured = path.startswith("/v1")
            assert bool(operation.get("security")) == secured, where
            errors = {status for status in operation["responses"] if status >= "400"}
            assert errors >= ({"401", "422", "503"} if secured else set()), where
            for status in errors:
                assert list(operation["responses"][status]["content"]) == [
                    "application/problem+json"
                ], where
    schemas = description["components"]["schemas"]
    shown = [
        name
        for name in schemas
        if name.endswith("View") and name not in ("ProgressEventView", "StateEventView")
    ]
    assert len(shown) >= 6 and all("examples" in schemas[name] for name in shown)


def test_inspection_s_refusal_is_shown_on_the_record(api: Client, context: AppContext) -> None:
    record = stand_in.upload(api, "models")
    error = {"code": "lambda_layer", "message": "It has a Lambda layer.", "hint": "Replace it."}
    stand_in.inspected(context, record["id"], error)
    shown = api.get(f"/v1/models/{record['id']}").json()
    assert (shown["state"], shown["error"]) == ("rejected", error)
