"""``l2c account`` and ``l2c audit``."""

from itertools import islice
from typing import Annotated

import typer

from learn2compress.cli.console import Json, Key, Url, connect, emit, moment, show_table
from service.contract.account_views import AccountView


def account(url: Url = None, key: Key = None, json: Json = False) -> None:
    """Show your account: its limits and how much of them is in use."""
    with connect(url, key) as client:
        found = client.get_account()
    emit(found) if json else show_limits(found)


def audit(
    action: Annotated[str | None, typer.Option(help="E.g. job.create.")] = None,
    object_id: Annotated[str | None, typer.Option("--object", help="Id of what changed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """List what was done in your account, and what was refused: newest first."""
    with connect(url, key) as client:
        entries = list(islice(client.list_audit(action=action, object_id=object_id), limit))
    if json:
        return emit(entries)
    rows = []
    for each in entries:
        row = [moment(each.created_at), each.actor, each.address, each.action, each.object_id]
        rows.append([*row, each.outcome])
    show_table(["at", "actor", "address", "action", "object", "outcome"], rows)


def show_limits(account: AccountView) -> None:
    limits, use = account.limits.model_dump(), account.use.model_dump()
    rows: list[list[object]] = []
    for name, limit in limits.items():
        rows.append([name, f"{use[name]:,}", "none" if limit is None else f"{limit:,}"])
    kept = account.retention_days
    rows.append(["retention_days", None, "none" if kept is None else kept])
    show_table([account.name, "in use", "limit"], rows)
