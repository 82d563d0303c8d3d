"""``l2c admin`` works on the database itself; the service sees what it does."""

import json
from typing import Any

from httpx import Client

from tests.learn2compress.cli.conftest import ok, refused
from tests.service.accounts import key_of
from tests.service.commands.conftest import Admin


def opens(api: Client, secret: str) -> int:
    return api.get("/v1/jobs", headers=key_of.headers({"secret": secret})).status_code


def test_accounts_are_created_listed_suspended_and_resumed(api: Client, admin: Admin) -> None:
    created = ok(admin("accounts", "create", "ann", "--json"))
    assert (created["name"], created["suspended_at"]) == ("ann", None)
    assert opens(api, created["secret"]) == 200
    refused(admin("accounts", "create", "ann"), 4, "conflict", "l2c admin accounts list")
    for nonsense in ("", "two\nlines", "a" * 201):
        refused(admin("accounts", "create", nonsense), 2, "name")
    listed = ok(admin("accounts", "list", "--json"))
    assert [each["name"] for each in listed] == ["first", "ann"]
    assert created["id"] in admin("accounts", "list").stdout

    assert admin("accounts", "suspend", "ann").stdout == "suspended ann\n"
    since = ok(admin("accounts", "suspend", "ann", "--json"))["suspended_at"]
    assert ok(admin("accounts", "list", "--json"))[1]["suspended_at"] == since
    for method, path in (("GET", "jobs"), ("POST", "uploads"), ("GET", "jobs/job_0")):
        answer = api.request(method, f"/v1/{path}", headers=key_of.headers(created))
        assert key_of.refusal(answer) == (403, "account_suspended")
    assert api.get("/v1/jobs").status_code == 200
    assert admin("accounts", "resume", "ann").stdout == "resumed ann\n"
    assert opens(api, created["secret"]) == 200


def test_keys_of_any_account_are_created_listed_and_revoked(api: Client, admin: Admin) -> None:
    secret = admin("accounts", "create", "ann").stdout.strip()
    options = ["--account", "ann", "--scope", "read", "--expires-in", "1d"]
    made = ok(admin("keys", "create", "ci", *options, "--json"))
    assert made["scopes"] == ["read"] and made["expires_at"]
    assert opens(api, made["secret"]) == 200
    everything = admin("keys", "create", "laptop", "--account", "ann").stdout.strip()
    shown = api.get("/v1/keys", headers=key_of.headers({"secret": everything})).json()["items"]
    listed = ok(admin("keys", "list", "--account", "ann", "--json"))
    assert [key["name"] for key in shown] == [key["name"] for key in listed]
    assert [key["name"] for key in listed] == ["laptop", "ci", "first key"]
    assert made["id"] in admin("keys", "list", "--account", "ann").stdout
    assert admin("keys", "revoke", made["id"]).stdout == f"revoked {made['id']}\n"
    assert opens(api, made["secret"]) == 401 and opens(api, secret) == 200


def test_limits_of_an_account_are_shown_and_set(api: Client, admin: Admin) -> None:
    shown = ok(admin("accounts", "limits", "first", "--json"))
    assert set(shown["limits"].values()) == {None}
    options = ["--stored-bytes", "10GB", "--keys", "2", "--worker-minutes", "0"]
    account = ok(admin("accounts", "limits", "first", *options, "--retention-days", "7", "--json"))
    limits = account["limits"]
    assert account["retention_days"] == 7
    assert limits == api.get("/v1/account").json()["limits"]
    assert (limits["stored_bytes"], limits["keys"], limits["worker_minutes"]) == (10**10, 2, None)
    table = admin("accounts", "limits", "first", "--keys", "default").stdout
    assert "10,000,000,000" in table
    assert ok(admin("accounts", "limits", "first", "--json"))["limits"]["keys"] is None
    for nonsense in ("many", "-1", "1.5", "10XB", "9" * 15 + "TB"):
        refused(admin("accounts", "limits", "first", f"--keys={nonsense}"), 2, "is not a limit")


def test_an_account_is_deleted_after_a_question(api: Client, admin: Admin) -> None:
    secret = admin("accounts", "create", "ann").stdout.strip()
    assert admin("accounts", "delete", "ann").exit_code == 130
    assert opens(api, secret) == 200
    assert ok(admin("accounts", "delete", "ann", "--yes", "--json")) == {"deleted": "ann"}
    assert opens(api, secret) == 401
    assert [each["name"] for each in ok(admin("accounts", "list", "--json"))] == ["first"]


def test_what_does_not_exist_is_refused_as_everywhere(api: Client, admin: Admin) -> None:
    for command in (
        ["accounts", "suspend", "nobody"],
        ["accounts", "resume", "nobody"],
        ["accounts", "limits", "nobody"],
        ["accounts", "delete", "nobody", "--yes"],
        ["keys", "list"],
        ["keys", "create", "k", "--account", "nobody"],
        ["keys", "revoke", "key_0"],
    ):
        refused(admin(*command), 4, "not_found", "l2c admin")
        error: Any = json.loads(admin(*command, "--json").stderr)["error"]
        assert error["code"] == "not_found" and error["hint"]
    refused(admin("keys", "create", "k", "--scope", "everything"), 2, "scopes")
    assert "suspend" in admin("accounts", "--help").stdout
