"""``l2c keys``."""

from typing import Annotated

import typer

from service.cli.console import Json, Key, Url, connect, emit, show_table
from service.contract.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """All of them, newest first; the secrets themselves are not kept."""
    with connect(url, key) as client:
        keys = client.api_keys()
    if json:
        return emit(keys)
    show_table(["id", "name", "created"], [[each.id, each.name, f"{each.created_at:%Y-%m-%d %H:%M}"] for each in keys])


@app.command()
def create(
    name: str,
    account: Annotated[
        str | None, typer.Option(help="With --local: whose, made where there is none of this name.")
    ] = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="Straight in the database of L2C_DATABASE_URL or L2C_DATA_DIR; needs no key."),
    ] = False,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Make another; it is shown only now."""
    if local:
        from service.local_keys import new_key  # with the database it would slow every command down

        secret = new_key(Settings(), name, account)
        return emit({"name": name, "secret": secret}) if json else typer.echo(secret)
    if account:
        raise typer.BadParameter("the service gives keys of your own account only; add --local", param_hint="--account")
    with connect(url, key) as client:
        created = client.create_key(name)
    emit(created) if json else typer.echo(created.secret)


@app.command()
def delete(key_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Revoke one."""
    with connect(url, key) as client:
        client.delete_key(key_id)
    emit({"deleted": key_id}) if json else typer.echo(f"deleted {key_id}")
