"""``l2c admin accounts``."""

from typing import Annotated

import typer

from learn2compress.cli.account import show_limits
from learn2compress.cli.console import Json, emit, moment, show_table
from service.commands.database import on_the_database
from service.commands.limit_words import limit_of, limit_option
from service.contract.account_views import AccountView, NewAccount

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
    wanted = NewAccount(name=name)
    with on_the_database() as operations:
        created = operations.create_account(wanted)
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


@app.command()
def limits(
    name: AccountName,
    stored_bytes: Annotated[str | None, limit_option("stored_bytes")] = None,
    open_uploads: Annotated[str | None, limit_option("open_uploads")] = None,
    unfinished_jobs: Annotated[str | None, limit_option("unfinished_jobs")] = None,
    worker_minutes: Annotated[str | None, limit_option("worker_minutes")] = None,
    keys: Annotated[str | None, limit_option("keys")] = None,
    retention_days: Annotated[str | None, limit_option("retention_days")] = None,
    json: Json = False,
) -> None:
    """Show its limits and their use; set those that options name.

    0 is no limit; `default` is as in the server's settings. What is over a lower limit stays.
    """
    given = {
        "stored_bytes": stored_bytes,
        "open_uploads": open_uploads,
        "unfinished_jobs": unfinished_jobs,
        "worker_minutes": worker_minutes,
        "keys": keys,
        "retention_days": retention_days,
    }
    changes = {each: limit_of(word) for each, word in given.items() if word is not None}
    with on_the_database() as operations:
        account = operations.set_limits(name, changes)
    emit(account) if json else show_limits(account)


@app.command()
def delete(
    name: AccountName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds for workers to end its running jobs.")
    ] = 60.0,
    json: Json = False,
) -> None:
    """Delete it with everything: keys, uploads, models, datasets, jobs, results and audit log."""
    if not yes:
        typer.confirm(f"Delete the account {name} with everything it has?", abort=True, err=True)
    with on_the_database() as operations:
        operations.delete_account(name, wait)
    emit({"deleted": name}) if json else typer.echo(f"deleted {name}")


def _tell(account: AccountView, done: str, json: bool) -> None:
    emit(account) if json else typer.echo(f"{done} {account.name}")
