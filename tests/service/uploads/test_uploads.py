"""A file's way in, on both stores: in parts and in one go, and everything that can be wrong with
it.
"""

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import Client, Response
from sqlalchemy import func, select

from service.app_context import AppContext
from service.contract.object_keys import part_key
from service.contract.records import UploadPart
from service.contract.storage import Store
from tests.service import stand_in
from tests.waiting import eventually

PART = 64 * 1024
FILE = random.Random(1).randbytes(2 * PART + 100)
SHA256 = hashlib.sha256(FILE).hexdigest()
PARTS = {1: FILE[:PART], 2: FILE[PART : 2 * PART], 3: FILE[2 * PART :]}


def announce(api: Client, **changes: Any) -> Any:
    answer = api.post("/v1/uploads", json={"filename": "net.keras", "bytes": len(FILE), **changes})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/uploads/{answer.json()['id']}"
    return answer.json()


def put(api: Client, upload: Any, number: int, content: bytes, **headers: str) -> Response:
    return api.put(f"/v1/uploads/{upload['id']}/parts/{number}", content=content, headers=headers)


def complete(api: Client, upload: Any, **json: str) -> Response:
    return api.post(f"/v1/uploads/{upload['id']}/complete", json=json)


def refused(answer: Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def nothing_left(context: AppContext) -> None:
    """No spool file, no row of a part, no byte in the store."""
    assert list(context.settings.work_dir.iterdir()) == []
    with context.sessions() as session:
        assert session.scalar(select(func.count()).select_from(UploadPart)) == 0
    eventually(lambda: not stand_in.keys_below(context, "uploads/"))


def test_parts_come_in_any_order_and_twice_and_are_listed(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    upload = announce(api, sha256=SHA256)
    assert (upload["part_bytes"], upload["part_count"], upload["parts"]) == (PART, 3, [])
    for number in (3, 1, 1):
        assert put(api, upload, number, PARTS[number]).status_code == 200
    listed = api.get(f"/v1/uploads/{upload['id']}").json()["parts"]
    assert [(part["number"], part["bytes"]) for part in listed] == [(1, PART), (3, 100)]
    assert put(api, upload, 2, PARTS[2]).json()["sha256"] == hashlib.sha256(PARTS[2]).hexdigest()
    done = complete(api, upload)
    assert (
        done.status_code == 200 and done.json()["sha256"] == SHA256 and done.json()["completed_at"]
    )
    keys = [part_key(upload["id"], part["number"], part["sha256"]) for part in done.json()["parts"]]
    assert b"".join(b"".join(context.store.read(key)) for key in keys) == FILE
    assert list(context.settings.work_dir.iterdir()) == []


def test_a_part_sent_again_with_other_bytes_replaces_the_first(
    api: Client, context: AppContext
) -> None:
    upload = announce(api, sha256=SHA256)
    put(api, upload, 1, bytes(PART))
    for number, content in PARTS.items():
        put(api, upload, number, content)
    assert complete(api, upload).status_code == 200
    assert stand_in.stored(context, upload["id"]) == 3


class SlowStore:
    """A store that takes bytes only once it is told to."""

    def __init__(self, store: Store):
        self._store, self.waiting, self.go_on = store, threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, path: Path) -> None:
        self.waiting.set()
        assert self.go_on.wait(20)
        self._store.put(key, path)


def test_a_store_that_is_slow_keeps_nobody_from_the_database(api: Any, context: AppContext) -> None:
    upload, slow = announce(api), SlowStore(context.store)
    api.app.state.context = replace(context, store=slow)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(put, api, upload, 1, PARTS[1])
        assert slow.waiting.wait(20)
        announce(api)
        assert context.sessions.kw["bind"].pool.checkedout() == 0
        slow.go_on.set()
        assert answer.result(20).status_code == 200


def test_one_part_sent_many_times_at_once_leaves_exactly_what_its_row_names(
    api: Client, context: AppContext
) -> None:
    upload = announce(api)
    with ThreadPoolExecutor(6) as pool:
        contents = [bytes([number % 3]) * PART for number in range(18)]
        answers = [
            answer.status_code
            for answer in pool.map(lambda content: put(api, upload, 1, content), contents)
        ]
    assert set(answers) <= {200, 409} and 200 in answers
    (part,) = api.get(f"/v1/uploads/{upload['id']}").json()["parts"]
    assert context.store.size(part_key(upload["id"], 1, part["sha256"])) == PART
    assert stand_in.stored(context, upload["id"]) == 1


def test_completing_twice_is_harmless_and_parts_are_fixed_afterwards(api: Client) -> None:
    upload = announce(api)
    for number, content in PARTS.items():
        put(api, upload, number, content)
    assert (
        complete(api, upload, sha256=SHA256).json() == complete(api, upload, sha256=SHA256).json()
    )
    refused(put(api, upload, 1, bytes(PART)), 409, "conflict")
    refused(complete(api, upload, sha256="0" * 64), 422, "sha256_mismatch")


def test_completing_without_every_part_is_refused(api: Client) -> None:
    upload = announce(api)
    put(api, upload, 1, PARTS[1])
    refused(complete(api, upload), 409, "upload_incomplete")


def test_wrong_hash_of_the_file_is_refused_and_a_part_can_be_mended(api: Client) -> None:
    upload = announce(api, sha256=SHA256)
    for number, content in {**PARTS, 3: bytes(100)}.items():
        put(api, upload, number, content)
    refused(complete(api, upload), 422, "sha256_mismatch")
    put(api, upload, 3, PARTS[3])
    assert complete(api, upload).status_code == 200


@pytest.mark.parametrize(
    ("number", "content", "status", "code"),
    [
        (1, bytes(PART + 1), 413, "part_too_long"),
        (1, bytes(PART * 3), 413, "part_too_long"),
        (3, bytes(101), 413, "part_too_long"),
        (1, bytes(PART - 1), 422, "malformed"),
        (1, b"", 422, "malformed"),
        (4, bytes(PART), 422, "malformed"),
        (0, bytes(PART), 422, "malformed"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_and_leaves_nothing(
    api: Client, context: AppContext, number: int, content: bytes, status: int, code: str
) -> None:
    refused(put(api, announce(api), number, content), status, code)
    nothing_left(context)


def test_wrong_hash_of_a_part_is_refused_and_leaves_nothing(
    api: Client, context: AppContext
) -> None:
    refused(
        put(api, announce(api), 1, PARTS[1], **{"X-Content-SHA256": "0" * 64}),
        422,
        "sha256_mismatch",
    )
    nothing_left(context)
    right = {"X-Content-SHA256": hashlib.sha256(PARTS[1]).hexdigest()}
    assert put(api, announce(api), 1, PARTS[1], **right).status_code == 200


def test_a_deleted_upload_is_gone_with_its_bytes(api: Client, context: AppContext) -> None:
    upload = announce(api)
    put(api, upload, 1, PARTS[1])
    assert api.delete(f"/v1/uploads/{upload['id']}").status_code == 204
    refused(api.get(f"/v1/uploads/{upload['id']}"), 404, "not_found")
    refused(put(api, upload, 2, PARTS[2]), 404, "not_found")
    nothing_left(context)


class ForgetfulStore:
    """A store from which the upload is deleted the moment someone reads it."""

    def __init__(self, store: Store, delete: Callable[[], object]):
        self._store, self._delete = store, delete

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, key: str) -> Iterator[bytes]:
        self._delete()
        return self._store.read(key)


def test_an_upload_that_is_deleted_while_it_is_completed_is_gone(
    api: Any, context: AppContext
) -> None:
    upload = announce(api)
    for number, content in PARTS.items():
        put(api, upload, number, content)
    forgetful: Any = ForgetfulStore(
        context.store, lambda: api.delete(f"/v1/uploads/{upload['id']}")
    )
    api.app.state.context = replace(context, store=forgetful)
    refused(complete(api, upload), 404, "not_found")


@pytest.mark.parametrize("size", [0, -1, 1.5, "many", 2**70, None])
def test_a_size_that_is_none_is_malformed(api: Client, size: Any) -> None:
    refused(api.post("/v1/uploads", json={"filename": "a", "bytes": size}), 422, "malformed")


def test_a_size_over_the_limit_is_refused(api: Client, context: AppContext) -> None:
    most = context.settings.max_upload_bytes
    refused(
        api.post("/v1/uploads", json={"filename": "a", "bytes": most + 1}), 413, "upload_too_large"
    )
    assert announce(api, bytes=most)["bytes"] == most


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_one_request_makes_a_record_of_a_file_of_any_length(
    api: Client, context: AppContext, kind: str
) -> None:
    chunks = (FILE[start : start + 10_000] for start in range(0, len(FILE), 10_000))
    answer = api.post(f"/v1/{kind}/upload", params={"filename": "../net work.zip"}, content=chunks)
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert (record["name"], record["state"]) == ("net work.zip", "validating")
    assert answer.headers["Location"] == f"/v1/{kind}/{record['id']}"
    upload = api.get(f"/v1/uploads/{record['upload_id']}").json()
    assert (upload["bytes"], upload["sha256"], len(upload["parts"])) == (len(FILE), SHA256, 3)


@pytest.mark.parametrize("length", [PART, 2 * PART, 1, 1024 * 1024])
def test_one_request_with_a_length_at_a_part_s_edge(api: Client, length: int) -> None:
    record = api.post(
        "/v1/models/upload", params={"filename": "net.h5"}, content=bytes(length)
    ).json()
    upload = api.get(f"/v1/uploads/{record['upload_id']}").json()
    assert (upload["bytes"], len(upload["parts"])) == (length, -(-length // PART))


def test_one_request_over_the_limit_is_refused_announced_or_not(
    api: Client, context: AppContext
) -> None:
    too_much = bytes(context.settings.max_upload_bytes + 1)
    for content in (
        too_much,
        (too_much[start : start + PART] for start in range(0, len(too_much), PART)),
    ):
        answer = api.post("/v1/models/upload", params={"filename": "net.h5"}, content=content)
        refused(answer, 413, "upload_too_large")
        nothing_left(context)


def test_one_request_with_a_wrong_hash_or_without_a_body_leaves_nothing(
    api: Client, context: AppContext
) -> None:
    send: dict[str, Any] = {
        "params": {"filename": "net.h5"},
        "headers": {"X-Content-SHA256": "0" * 64},
    }
    refused(api.post("/v1/models/upload", content=FILE, **send), 422, "sha256_mismatch")
    nothing_left(context)
    refused(api.post("/v1/models/upload", params={"filename": "net.h5"}), 422, "malformed")
    nothing_left(context)
