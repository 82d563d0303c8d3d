"""``l2c admin accounts``."""

from typing import Annotated

import typer

from learn2compress.cli.console import Json, emit, moment, show_table
from service.commands.database import on_the_database
from service.contract.account_views import AccountView

app = typer.Typer(no_args_is_help=True)
AccountName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]


@app.command("list")
def browse(json: Json = False) -> None:
    """List them, oldest first."""
    with on_the_database() as operations:
        accounts = operations.list_accounts()
    if json:
        return emit(accounts)
    rows = []
    for each in accounts:
        suspended = each.suspended_at and moment(each.suspended_at)
        rows.append([each.id, each.name, suspended, moment(each.created_at)])
    show_table(["id", "name", "suspended", "created"], rows)


@app.command()
def create(name: AccountName, json: Json = False) -> None:
    """Create one and print its first key, which cannot be shown again."""
    with on_the_database() as operations:
        created = operations.create_account(name)
    emit(created) if json else typer.echo(created.secret)


@app.command()
def suspend(name: AccountName, json: Json = False) -> None:
    """Refuse all of its requests and start none of its jobs; a running job goes on."""
    with on_the_database() as operations:
        account = operations.suspend_account(name)
    _tell(account, "suspended", json)


@app.command()
def resume(name: AccountName, json: Json = False) -> None:
    """End a suspension."""
    with on_the_database() as operations:
        account = operations.resume_account(name)
    _tell(account, "resumed", json)


def _tell(account: AccountView, done: str, json: bool) -> None:
    emit(account) if json else typer.echo(f"{done} {account.name}")
