"""``l2c keys``."""

from typing import Annotated

import typer

from learn2compress.cli.console import Json, Key, Url, connect, emit, moment, show_table
from service.contract.account_views import SCOPES, KeyView, NewKey

app = typer.Typer(no_args_is_help=True)
ScopeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help=f"What it may do: {', '.join(SCOPES)}; repeat for several. "
        "As much as the key that creates it, when left out.",
    ),
]


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """List them, newest first; the secrets themselves are not kept."""
    with connect(url, key) as client:
        keys = list(client.list_keys())
    if json:
        return emit(keys)
    rows = [[each.id, each.name, scope_words(each), moment(each.created_at)] for each in keys]
    show_table(["id", "name", "scopes", "created"], rows)


@app.command()
def create(
    name: str, scope: ScopeOption = None, url: Url = None, key: Key = None, json: Json = False
) -> None:
    """Create another; its secret is shown only now."""
    wanted = NewKey.model_validate({"name": name, "scopes": scope})
    with connect(url, key) as client:
        created = client.create_key(wanted.name, wanted.scopes)
    emit(created) if json else typer.echo(created.secret)


@app.command()
def revoke(key_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Revoke one: it opens nothing from now on."""
    with connect(url, key) as client:
        client.delete_key(key_id)
    emit({"revoked": key_id}) if json else typer.echo(f"revoked {key_id}")


def scope_words(key: KeyView) -> str:
    """For a table."""
    return "all" if set(key.scopes) == set(SCOPES) else " ".join(key.scopes)
