"""``l2c keys`` against a real service."""

from typing import Any

from tests.learn2compress.cli.conftest import ok, refused


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
