"""The audit log has each change, in the transaction that makes it, and each refusal."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from service import audit
from service.accounts import accounts
from service.api.refusals import AT_ONCE
from service.app_context import AppContext
from service.caller import Caller
from service.contract.records import Account, ApiKey, AuditEntry, now
from tests.service import stand_in
from tests.service.accounts import key_of
from tests.service.accounts.limits import limit

CHANGE = "UPDATE audit_entries SET actor = 'nobody'"


def entries(api: Client, **filters: Any) -> list[Any]:
    """Oldest first."""
    answer = api.get("/v1/audit", params={"limit": 200, **filters})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"][::-1]
    return found


def told(api: Client, **filters: Any) -> list[tuple[str, str]]:
    """What happened, and how it ended."""
    return [(entry["action"], entry["outcome"]) for entry in entries(api, **filters)]


def test_each_change_has_who_what_when_and_from_where(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    other = api.post("/v1/jobs", json={name: job[name] for name in ("model_id", "dataset_id")})
    api.post(f"/v1/jobs/{other.json()['id']}/cancel")
    for path in (f"jobs/{job['id']}", f"jobs/{other.json()['id']}", f"models/{job['model_id']}"):
        assert api.delete(f"/v1/{path}").status_code == 204
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    api.delete(f"/v1/uploads/{upload}")
    created = ["upload.create", "model.create", "upload.create", "dataset.create", "job.create"]
    ended = ["job.create", "job.cancel", "job.delete", "job.delete", "model.delete"]
    actions = [*created, *ended, "upload.create", "upload.delete"]
    assert told(api) == [(action, "done") for action in actions]
    (made,) = entries(api, action="job.create", object_id=job["id"])
    (key,) = api.get("/v1/keys").json()["items"]
    assert (made["actor"], made["address"]) == (key["id"], "testclient")
    assert made["created_at"][:16] == job["created_at"][:16]


def test_keys_are_in_it_also_when_they_are_gone(api: Client) -> None:
    key = key_of.create(api)
    api.post(f"/v1/keys/{key['id']}/rotate")
    api.delete(f"/v1/keys/{key['id']}")
    actions = ["key.create", "key.rotate", "key.revoke"]
    assert told(api, object_id=key["id"]) == [(action, "done") for action in actions]


def test_what_was_refused_is_in_it_with_the_reason(api: Client, context: AppContext) -> None:
    job = stand_in.submit(api, context)
    before = len(entries(api))
    limit(context, keys=2)
    reader = key_of.create(api, scopes=["read"])
    headers = key_of.headers(reader)
    api.delete(f"/v1/jobs/{job['id']}")
    api.delete(f"/v1/jobs/{job['id']}", headers=headers)
    api.delete("/v1/keys/key_0")
    api.post("/v1/keys", json={"name": "third"})
    api.post("/v1/keys", json={"name": ""})
    api.delete("/v1/models/NOT%00AN.ID", headers=headers)
    api.get("/v1/jobs/job_0")
    assert told(api)[before:] == [
        ("account.limits", "done"),
        ("key.create", "done"),
        ("job.delete", "illegal_move"),
        ("job.delete", "forbidden"),
        ("key.revoke", "not_found"),
        ("key.create", "quota_exceeded"),
        ("model.delete", "forbidden"),
    ]
    refused = entries(api, action="job.delete")[1]
    assert (refused["actor"], refused["object_id"]) == (reader["id"], job["id"])


def test_operators_are_in_it_by_that_name(api: Client, context: AppContext) -> None:
    accounts.suspend(context.sessions, "first")
    assert api.get("/v1/audit").status_code == 403
    accounts.resume(context.sessions, "first")
    assert told(api) == [("account.suspend", "done"), ("account.resume", "done")]
    assert {(entry["actor"], entry["address"]) for entry in entries(api)} == {("operator", None)}


def test_it_has_pages_and_is_the_account_s_own(api: Client, stranger: dict[str, str]) -> None:
    for name in ("a", "b", "c"):
        key_of.create(api, name=name)
    first = api.get("/v1/audit", params={"limit": 2}).json()
    rest = api.get("/v1/audit", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert api.get("/v1/audit", headers=stranger).json()["items"] == []


def test_a_change_that_is_rolled_back_has_no_entry(api: Client, context: AppContext) -> None:
    with context.sessions() as session:
        key = session.scalars(select(ApiKey)).one()
    caller = Caller(key.account_id, key.id, frozenset())
    with pytest.raises(RuntimeError), context.sessions.begin() as session:
        session.add(Account(name="other"))
        audit.record(session, caller, "job.create", "job_0")
        raise RuntimeError
    assert entries(api) == []


def test_old_entries_go_if_the_settings_say_so(api: Client, context: AppContext) -> None:
    fresh = key_of.create(api)["id"]
    with context.sessions.begin() as session:
        account = session.scalars(select(Account)).one()
        what = {"actor": "key_0", "action": "key.create", "outcome": "done"}
        week_ago = now() - timedelta(days=8)
        session.add(AuditEntry(account_id=account.id, created_at=week_ago, **what))
    audit.delete_old(context.settings, context.sessions)
    assert len(entries(api)) == 2
    audit.delete_old(context.settings.model_copy(update={"audit_days": 7}), context.sessions)
    assert [entry["object_id"] for entry in entries(api)] == [fresh]


def test_the_database_lets_no_entry_be_changed(api: Client, context: AppContext) -> None:
    stand_in.submit(api, context)
    before = entries(api)
    for change in (update(AuditEntry).values(outcome="done"), text(CHANGE)):
        with pytest.raises(DBAPIError, match="not changed"), context.sessions.begin() as session:
            session.execute(change)
    assert entries(api) == before


def test_a_key_cannot_fill_the_log_with_refusals(embedded_api: Client) -> None:
    for _ in range(AT_ONCE + 10):
        assert embedded_api.delete("/v1/jobs/job_0").status_code == 404
    assert AT_ONCE <= len(entries(embedded_api)) < AT_ONCE + 10
