"""Keys expire, are rotated, and tell when they were last used."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import update

from service.accounts import keys
from service.app_context import AppContext
from service.contract.records import ApiKey, now
from tests.service.accounts import key_of
from tests.waiting import eventually

FORBIDDEN = (403, "forbidden")


def change(context: AppContext, key_id: str, **values: Any) -> None:
    """Write columns of a key, as time would."""
    with context.sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(values))


def opens(api: Client, key: dict[str, str]) -> bool:
    return api.get("/v1/jobs", headers=key_of.headers(key)).status_code == 200


def shown(api: Client, key_id: str) -> Any:
    return next(key for key in api.get("/v1/keys").json()["items"] if key["id"] == key_id)


def in_days(days: float) -> str:
    return (now() + timedelta(days=days)).isoformat()


def test_an_expired_key_is_as_unknown_as_any(api: Client, context: AppContext) -> None:
    key = key_of.create(api, expires_at=in_days(1))
    assert opens(api, key)
    change(context, key["id"], expires_at=now() - timedelta(seconds=1))
    expired = api.get("/v1/jobs", headers=key_of.headers(key))
    unknown = api.get("/v1/jobs", headers={"Authorization": "Bearer l2c_nothing"})
    assert (expired.status_code, expired.text) == (401, unknown.text)


@pytest.mark.parametrize(
    "end", ["2020-01-01T00:00:00Z", "2026-12-01T00:00:00", "9999-12-31T23:59:59-12:00", "soon"]
)
def test_an_end_is_a_moment_within_ten_years(api: Client, end: str) -> None:
    answer = api.post("/v1/keys", json={"name": "k", "expires_at": end})
    assert key_of.refusal(answer) == (422, "malformed") and "expires_at" in answer.text


def test_no_key_makes_one_that_lasts_longer(api: Client) -> None:
    short = key_of.create(api, expires_at=in_days(2))
    headers = key_of.headers(short)

    def make(**wanted: Any) -> Any:
        return api.post("/v1/keys", json={"name": "next", **wanted}, headers=headers)

    assert make().json()["expires_at"] == short["expires_at"]
    assert make(expires_at=in_days(1)).status_code == 201
    assert key_of.refusal(make(expires_at=in_days(3))) == FORBIDDEN


def test_rotation_replaces_the_secret_and_nothing_else(api: Client) -> None:
    key = key_of.create(api, scopes=["read"], expires_at=in_days(1))
    rotated = api.post(f"/v1/keys/{key['id']}/rotate").json()
    assert not opens(api, key) and opens(api, rotated)
    secret = {"secret", "last_used_at"}
    assert {n: v for n, v in rotated.items() if n not in secret} == {
        n: v for n, v in key.items() if n not in secret
    }
    assert key_of.refusal(api.post("/v1/keys/key_0/rotate")) == (404, "not_found")


def test_an_old_secret_opens_for_the_grace_and_only_the_last_one(
    api: Client, context: AppContext
) -> None:
    first = key_of.create(api)
    rotate = f"/v1/keys/{first['id']}/rotate"
    second = api.post(rotate, json={"grace_seconds": 60}).json()
    assert opens(api, first) and opens(api, second)
    third = api.post(rotate, json={"grace_seconds": 60}).json()
    assert [opens(api, key) for key in (first, second, third)] == [False, True, True]
    change(context, first["id"], previous_ends_at=now())
    assert [opens(api, key) for key in (second, third)] == [False, True]
    for nonsense in (-1, 10**9):
        answer = api.post(rotate, json={"grace_seconds": nonsense})
        assert key_of.refusal(answer) == (422, "malformed")


def test_rotation_does_not_give_away_a_key_that_may_do_more(api: Client) -> None:
    strong, lasting = key_of.create(api), key_of.create(api, scopes=["keys"])
    weak = key_of.headers(key_of.create(api, scopes=["keys", "read"], expires_at=in_days(1)))
    for target in (strong, lasting):
        answer = api.post(f"/v1/keys/{target['id']}/rotate", headers=weak)
        assert key_of.refusal(answer) == FORBIDDEN
        assert api.get("/v1/keys", headers=key_of.headers(target)).status_code == 200


def test_the_last_use_is_told_and_written_once_a_minute(api: Client, context: AppContext) -> None:
    key = key_of.create(api)
    assert shown(api, key["id"])["last_used_at"] is None
    before = now()
    assert opens(api, key)
    first = eventually(lambda: shown(api, key["id"])["last_used_at"])
    assert before <= datetime.fromisoformat(first) <= now()
    assert opens(api, key) and shown(api, key["id"])["last_used_at"] == first
    change(context, key["id"], last_used_at=now() - timedelta(seconds=61))
    assert opens(api, key)
    eventually(lambda: shown(api, key["id"])["last_used_at"] > first)


def test_an_expired_key_is_listed_for_a_month(api: Client, context: AppContext) -> None:
    old, fresh = (key_of.create(api)["id"] for _ in range(2))
    for key_id, days in ((old, 31), (fresh, 29)):
        change(context, key_id, expires_at=now() - timedelta(days=days))
    keys.delete_long_expired(context.sessions)
    listed = [key["id"] for key in api.get("/v1/keys").json()["items"]]
    assert fresh in listed and old not in listed
