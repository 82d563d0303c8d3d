"""``l2c admin keys``."""

from typing import Annotated

import typer

from learn2compress.cli.console import Json, emit
from learn2compress.cli.keys import ExpiresOption, ScopeOption, new_key, show_keys, show_secret
from service.commands.database import on_the_database

app = typer.Typer(no_args_is_help=True)
AccountOption = Annotated[str, typer.Option(help="Whose key.")]
DEFAULT_ACCOUNT = "default"
"""The account that `l2c serve` makes the first key for."""


@app.command("list")
def browse(account: AccountOption = DEFAULT_ACCOUNT, json: Json = False) -> None:
    """List those of an account, newest first; the secrets themselves are not kept."""
    with on_the_database() as operations:
        keys = operations.list_keys(account)
    emit(keys) if json else show_keys(keys)


@app.command()
def create(
    name: str,
    account: AccountOption = DEFAULT_ACCOUNT,
    scope: ScopeOption = None,
    expires_in: ExpiresOption = None,
    json: Json = False,
) -> None:
    """Create one and print its secret, which cannot be shown again.

    It has all scopes and does not expire, unless options say otherwise.
    """
    wanted = new_key(name, scope, None, expires_in)
    with on_the_database() as operations:
        created = operations.create_key(account, wanted)
    show_secret(created, json)


@app.command()
def revoke(key_id: str, json: Json = False) -> None:
    """Revoke one of any account: it opens nothing from now on."""
    with on_the_database() as operations:
        operations.revoke_key(key_id)
    emit({"revoked": key_id}) if json else typer.echo(f"revoked {key_id}")
