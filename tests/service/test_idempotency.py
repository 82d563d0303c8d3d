"""Creating requests that are sent twice, to a real uvicorn; on SQLite and on PostgreSQL."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from learn2compress.client import Client
from service import idempotency
from service.accounts import accounts
from service.contract.account_records import IdempotentRequest
from service.contract.records import Job, Upload, now
from service.contract.settings import Settings
from tests.service import stand_in
from tests.service.client_of import serving
from tests.waiting import eventually

FILE = {"filename": "net.keras", "bytes": 1000}
ONCE = {"Idempotency-Key": "7c4b3f"}


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


def count(client: Any) -> int:
    with client.context.sessions() as session:
        return int(session.scalar(select(func.count()).select_from(Upload)))


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_same_request_gets_the_same_answer(client: httpx.Client) -> None:
    first = client.post("/v1/uploads", json=FILE, headers=ONCE)
    again = client.post("/v1/uploads", json=FILE, headers=ONCE)
    assert first.status_code == again.status_code == 201
    assert (first.json(), first.headers["Location"]) == (again.json(), again.headers["Location"])
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(client) == 1


def test_another_request_with_the_same_key_is_refused(client: httpx.Client) -> None:
    client.post("/v1/uploads", json=FILE, headers=ONCE)
    other = client.post("/v1/uploads", json=FILE | {"bytes": 2000}, headers=ONCE)
    assert code_of(other) == (422, "idempotency_key_reused")
    other = client.post("/v1/keys", json={"name": "ci"}, headers=ONCE)
    assert code_of(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb"])
def test_a_malformed_key_is_refused(live: httpx.Client, key: str) -> None:
    answer = live.post("/v1/uploads", json=FILE, headers={"Idempotency-Key": key})
    assert code_of(answer) == (400, "idempotency_key_malformed")


def test_many_at_once_create_one(client: httpx.Client) -> None:
    begin = threading.Barrier(8)

    def create(_: int) -> httpx.Response:
        begin.wait()
        return client.post("/v1/uploads", json=FILE, headers=ONCE)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(8)))
    # 303 leads to what is created already, and 409 tells to ask again.
    assert {answer.status_code for answer in answers} <= {201, 303, 409}
    [made] = {answer.headers["Location"] for answer in answers if answer.status_code < 400}
    assert count(client) == 1 and client.get(made).status_code == 200


def slowly(more: threading.Event) -> Iterator[bytes]:
    yield b"bytes of "
    more.wait(20)
    yield b"a model"


def send_model(client: Any, content: Any) -> httpx.Response:
    headers = ONCE | {"Content-Length": "16"}
    url = "/v1/models/upload?filename=a.keras"
    answer: httpx.Response = client.post(url, content=content, headers=headers)
    return answer


def test_a_request_that_is_not_answered_yet_is_under_way(client: Any) -> None:
    """The first one still sends its file."""
    more = threading.Event()
    send = partial(send_model, client)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(send, slowly(more))
        while not rows(client):
            pass
        assert code_of(send(b"bytes of a model")) == (409, "request_under_way")
        more.set()
        made = first.result()
    assert made.status_code == 201
    assert send(b"bytes of a model").json() == made.json()


def test_a_request_that_was_overtaken_creates_nothing(client: Any) -> None:
    """It took longer than its key is held, and the same request was sent again meanwhile."""
    more = threading.Event()
    send = partial(send_model, client)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(send, slowly(more))
        [held] = eventually(lambda: rows(client))
        assert held.expires_at < now() + timedelta(minutes=15)
        expire(client)
        assert send(b"bytes of a model").status_code == 201
        more.set()
        assert code_of(first.result()) == (409, "request_under_way")
    assert len(client.get("/v1/models").json()["items"]) == 1


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/webhooks"])
def test_nothing_is_created_twice_when_the_answer_is_lost(
    client: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = FILE if path == "/v1/uploads" else {"url": "https://example.org/"}
    monkeypatch.setattr(idempotency.Claim, "keep", database_away)
    made = client.post(path, json=wanted, headers=ONCE)
    monkeypatch.undo()
    again = client.post(path, json=wanted, headers=ONCE)
    assert made.status_code == 201
    if path == "/v1/uploads":
        assert (again.status_code, again.headers["Location"]) == (303, made.headers["Location"])
        found = client.post(path, json=wanted, headers=ONCE, follow_redirects=True)
        assert found.json() == made.json()
    else:
        assert code_of(again) == (409, "secret_not_kept")
    assert len(client.get(path).json()["items"]) == 1


def test_a_job_whose_commit_is_not_confirmed_is_found_again(client: Any) -> None:
    """The service answers 503 then, and the SDK sends the request again."""
    given = stand_in.submit(client, client.context)
    key = client.headers["Authorization"].removeprefix("Bearer ")

    def lose_the_confirmation(session: Session) -> None:
        if any(isinstance(row, Job) for row in session.identity_map.values()):
            event.remove(Session, "after_commit", lose_the_confirmation)
            database_away()

    event.listen(Session, "after_commit", lose_the_confirmation)
    with Client(str(client.base_url), key) as sdk:
        made = sdk.create_job(given["model_id"], given["dataset_id"], name="once")
        assert not event.contains(Session, "after_commit", lose_the_confirmation)
        assert [job.id for job in sdk.list_jobs(name="once")] == [made.id]


def database_away(*_: object) -> None:
    raise OperationalError("COMMIT", {}, Exception("the connection was lost"))


def test_what_was_refused_is_tried_again(client: Any) -> None:
    wanted = {"upload_id": client.post("/v1/uploads", json=FILE).json()["id"]}
    first = client.post("/v1/models", json=wanted, headers=ONCE)
    assert code_of(first) == (409, "upload_incomplete")
    assert rows(client) == []
    assert client.post("/v1/models", json=wanted | {"name": 7}, headers=ONCE).status_code == 422
    assert rows(client) == []


def test_the_secret_of_a_key_is_not_stored(client: Any) -> None:
    made = client.post("/v1/keys", json={"name": "ci"}, headers=ONCE)
    again = client.post("/v1/keys", json={"name": "ci"}, headers=ONCE)
    assert made.status_code == 201 and code_of(again) == (409, "secret_not_kept")
    assert rows(client)[0].body is None


def test_keys_belong_to_their_account(client: Any) -> None:
    stranger = accounts.open_account(client.context.sessions, "second")
    client.post("/v1/uploads", json=FILE, headers=ONCE)
    theirs = {"Authorization": f"Bearer {stranger}"} | ONCE
    assert (
        "Idempotency-Replayed" not in client.post("/v1/uploads", json=FILE, headers=theirs).headers
    )
    assert count(client) == 2


def test_an_expired_key_is_free_and_its_row_is_deleted(client: Any) -> None:
    job = stand_in.submit(client, client.context)
    client.post("/v1/uploads", json=FILE, headers=ONCE)
    before = count(client)
    expire(client)
    assert client.post("/v1/uploads", json=FILE, headers=ONCE).status_code == 201
    assert count(client) == before + 1 and job["id"]
    expire(client)
    idempotency.delete_expired(client.context.sessions)
    assert rows(client) == []


def rows(client: Any) -> list[IdempotentRequest]:
    with client.context.sessions() as session:
        return list(session.scalars(select(IdempotentRequest)))


def expire(client: Any) -> None:
    with client.context.sessions.begin() as session:
        past = now() - timedelta(seconds=1)
        session.execute(update(IdempotentRequest).values(expires_at=past))
