"""``l2c account``."""

from learn2compress.cli.console import Json, Key, Url, connect, emit, show_table
from service.contract.account_views import AccountView


def account(url: Url = None, key: Key = None, json: Json = False) -> None:
    """Show your account: its limits and how much of them is in use."""
    with connect(url, key) as client:
        found = client.get_account()
    emit(found) if json else show_limits(found)


def show_limits(account: AccountView) -> None:
    limits, use = account.limits.model_dump(), account.use.model_dump()
    rows = []
    for name, limit in limits.items():
        used = f"{use[name]:,}" if name in use else None
        rows.append([name, used, "none" if limit is None else f"{limit:,}"])
    show_table([account.name, "in use", "limit"], rows)
