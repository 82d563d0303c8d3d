"""Accepted keys are remembered for a moment; what closes them takes effect within two seconds."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, event, update

from service.contract.records import Account, ApiKey, now
from service.contract.settings import Settings
from tests.service.client_of import serving
from tests.waiting import eventually

REVOKED = delete(ApiKey)
SUSPENDED = update(Account).values(suspended_at=now())


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    with serving(settings.model_copy(update={"key_memory_seconds": 1.0})) as client:
        yield client


def seconds_until(status: int, ask: Callable[[], httpx.Response]) -> float:
    began = time.monotonic()
    while ask().status_code != status:
        assert time.monotonic() - began < 5
    return time.monotonic() - began


@pytest.mark.parametrize(("change", "status"), [(REVOKED, 401), (SUSPENDED, 403)])
def test_a_key_that_is_closed_by_others_opens_for_two_seconds_at_most(
    client: Any, change: Any, status: int
) -> None:
    assert client.get("/v1/jobs").status_code == 200
    with client.context.sessions.begin() as session:
        session.execute(change)
    assert seconds_until(status, lambda: client.get("/v1/jobs")) < 2


def test_a_key_is_not_remembered_beyond_its_end(client: Any) -> None:
    end = now() + timedelta(seconds=0.5)
    with client.context.sessions.begin() as session:
        session.execute(update(ApiKey).values(expires_at=end))
    while now() < end - timedelta(seconds=0.1):
        assert client.get("/v1/jobs").status_code == 200
    eventually(lambda: now() > end)
    assert client.get("/v1/jobs").status_code == 401


def test_the_key_is_looked_up_once_for_many_requests(client: Any) -> None:
    client.get("/v1/jobs")
    statements: list[str] = []
    engine = client.context.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    for _ in range(20):
        client.get("/v1/jobs")
    assert sum("FROM api_keys" in each for each in statements) <= 2
