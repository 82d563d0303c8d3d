"""``l2c keys``."""

import typer

from learn2compress.cli.console import Json, Key, Url, connect, emit, moment, show_table

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """List them, newest first; the secrets themselves are not kept."""
    with connect(url, key) as client:
        keys = list(client.list_keys())
    if json:
        return emit(keys)
    rows = [[each.id, each.name, moment(each.created_at)] for each in keys]
    show_table(["id", "name", "created"], rows)


@app.command()
def create(name: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Create another; its secret is shown only now."""
    with connect(url, key) as client:
        created = client.create_key(name)
    emit(created) if json else typer.echo(created.secret)


@app.command()
def delete(key_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Revoke one."""
    with connect(url, key) as client:
        client.delete_key(key_id)
    emit({"deleted": key_id}) if json else typer.echo(f"deleted {key_id}")
