"""``l2c keys`` against a real service."""

from typing import Any

from tests.learn2compress.cli.conftest import ok, refused
from tests.service import stand_in


def test_keys_are_made_listed_and_revoked(l2c: Any) -> None:
    created = ok(l2c("keys", "create", "laptop", "--json"))
    assert ok(l2c("keys", "list", "--json", "--key", created["secret"]))[0]["name"] == "laptop"
    assert l2c("keys", "revoke", created["id"]).stdout == f"revoked {created['id']}\n"
    refused(l2c("keys", "list", "--key", created["secret"]), 4, "unauthorized", "l2c keys create")


def test_a_key_is_made_with_scopes(l2c: Any) -> None:
    secret = l2c("keys", "create", "reader", "--scope", "read", "--scope", "keys").stdout.strip()
    rows = [line.split() for line in l2c("keys", "list").stdout.splitlines()]
    assert ["reader", "read", "keys"] in [row[1:4] for row in rows]
    assert "all" in rows[-1]
    refused(l2c("models", "delete", "mod_0", "--key", secret), 4, "forbidden", "upload")
    refused(l2c("keys", "create", "x", "--scope", "jobs", "--key", secret), 4, "forbidden")
    refused(l2c("keys", "create", "x", "--scope", "everything"), 2, "scopes")


def test_a_key_is_bound_ends_and_is_rotated(l2c: Any, live: Any) -> None:
    job_id = stand_in.submit(live, live.context)["id"]
    options = ["--job", job_id, "--scope", "read", "--expires-in", "12h"]
    bound = ok(l2c("keys", "create", "phone", *options, "--json"))
    assert (bound["job_id"], bound["scopes"]) == (job_id, ["read"])
    assert [job["id"] for job in ok(l2c("jobs", "list", "--json", "--key", bound["secret"]))] == [
        job_id
    ]
    assert job_id in l2c("keys", "list").stdout
    second = l2c("keys", "rotate", bound["id"], "--grace", "15m").stdout.strip()
    for secret in (bound["secret"], second):
        assert l2c("jobs", "list", "--key", secret).exit_code == 0
    third = ok(l2c("keys", "rotate", bound["id"], "--json"))["secret"]
    refused(l2c("jobs", "list", "--key", second), 4, "unauthorized")
    assert l2c("jobs", "list", "--key", third).exit_code == 0
    for nonsense in ("soon", "12", "1y"):
        refused(l2c("keys", "create", "x", "--expires-in", nonsense), 2, "not a duration")
    refused(l2c("keys", "create", "x", "--job", job_id, "--scope", "keys"), 2, "read and jobs")


def test_an_account_shows_its_limits_and_their_use(l2c: Any) -> None:
    account = ok(l2c("account", "--json"))
    assert (account["name"], account["use"]["keys"]) == ("first", 1)
    rows = [line.split() for line in l2c("account").stdout.splitlines()]
    assert ["keys", "1", "none"] in rows


def test_the_audit_log_is_listed(l2c: Any) -> None:
    key_id = ok(l2c("keys", "create", "ci", "--json"))["id"]
    l2c("keys", "revoke", key_id)
    listed = ok(l2c("audit", "--object", key_id, "--json"))
    assert [entry["action"] for entry in listed] == ["key.revoke", "key.create"]
    assert len(ok(l2c("audit", "--limit", "1", "--json"))) == 1
    assert "key.revoke" in l2c("audit").stdout
