"""Requests of a key, and attempts with unknown keys, are limited; the headers tell how."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from httpx import Client
from starlette.testclient import TestClient

from service.accounts import accounts
from service.accounts.rate_limits import Buckets, network_of
from service.app import create_app
from service.contract.errors import RateLimited
from service.contract.settings import Settings
from tests.service.accounts import key_of

LIMITED = (429, "rate_limited")
Limited = Callable[..., AbstractContextManager[Client]]


@pytest.fixture
def limited(embedded: Settings) -> Limited:
    """Starts the app with these settings, for a client with a key."""

    @contextmanager
    def start(**settings: int) -> Iterator[Client]:
        app = create_app(embedded.model_copy(update=settings))
        with TestClient(app, client=("192.0.2.7", 1)) as api:
            secret = accounts.open_account(app.state.context.sessions, "first")
            api.headers["Authorization"] = f"Bearer {secret}"
            yield api

    return start


def numbers(answer: Any) -> tuple[str, str]:
    return answer.headers["ratelimit-policy"], answer.headers["ratelimit"]


def test_a_key_has_a_burst_and_then_waits(limited: Limited) -> None:
    with limited(requests_per_minute=6, request_burst=3) as api:
        other = key_of.headers(key_of.create(api))
        answers = [api.get("/v1/jobs"), api.get("/v1/jobs/job_0"), api.get("/v1/jobs")]
        assert [answer.status_code for answer in answers] == [200, 404, 429]
        assert numbers(answers[0]) == ('"key";q=3;w=30', '"key";r=1;t=20')
        assert numbers(answers[1]) == ('"key";q=3;w=30', '"key";r=0;t=30')
        assert key_of.refusal(answers[2]) == LIMITED
        assert numbers(answers[2]) == ('"key";q=3;w=30', '"key";r=0;t=30')
        assert 8 <= int(answers[2].headers["retry-after"]) <= 10
        assert api.get("/v1/jobs", headers=other).status_code == 200
        assert "ratelimit" not in api.get("/healthz").headers


def test_zero_is_no_limit(limited: Limited) -> None:
    with limited(requests_per_minute=0, request_burst=1, failed_keys_per_minute=0) as api:
        for _ in range(5):
            answer = api.get("/v1/jobs")
            assert answer.status_code == 200 and "ratelimit" not in answer.headers
            assert api.get("/v1/jobs", headers={"Authorization": ""}).status_code == 401


def test_unknown_keys_are_limited_by_address_and_known_ones_are_not(limited: Limited) -> None:
    with limited(failed_keys_per_minute=2) as api:
        fresh = key_of.headers(key_of.create(api))
        wrong = {"Authorization": "Bearer l2c_wrong"}
        answers = [api.get("/v1/jobs", headers=wrong) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert key_of.refusal(answers[2]) == LIMITED
        assert numbers(answers[2])[0] == '"failed-keys";q=2;w=60'
        assert 28 <= int(answers[2].headers["retry-after"]) <= 30
        # A key that this process has not seen yet could be a guess, too.
        assert key_of.refusal(api.get("/v1/jobs", headers=fresh)) == LIMITED
        assert api.get("/v1/jobs").status_code == 200


def test_a_bucket_fills_with_time_and_never_above_its_size() -> None:
    time = [0.0]
    buckets = Buckets("key", per_minute=60, burst=2, clock=lambda: time[0])
    assert [buckets.take("a").allowed for _ in range(3)] == [True, True, False]
    assert buckets.take("b").allowed
    time[0] = 1.0
    assert [buckets.take("a").allowed for _ in range(2)] == [True, False]
    time[0] = 100.0
    assert buckets.look("a").left == 2
    refused = Buckets("key", per_minute=1, burst=1, clock=lambda: 0.0)
    refused.take("a")
    with pytest.raises(RateLimited) as error:
        refused.take("a").check("It")
    assert error.value.headers["Retry-After"] == "60"


def test_few_buckets_are_remembered() -> None:
    buckets = Buckets("key", per_minute=1, burst=1, clock=lambda: 0.0, most=2)
    for name in ("a", "b", "a", "c"):
        buckets.take(name)
    assert [buckets.look(name).allowed for name in "abc"] == [False, True, False]


def test_the_addresses_of_one_customer_are_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert [network_of(each) for each in ("192.0.2.1", "socket", None)] == [
        "192.0.2.1",
        "socket",
        "unknown",
    ]
