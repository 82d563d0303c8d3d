"""``l2c admin``: for operators, straight in the database of L2C_DATABASE_URL or L2C_DATA_DIR."""

from typing import Annotated

import typer

from learn2compress.cli.console import Json, emit
from service.commands.extras import needs_the_service_extra
from service.contract.settings import Settings

app = typer.Typer(no_args_is_help=True, help="For operators: works on the database, needs no key.")


@app.callback()
def main() -> None:
    """Without this, typer would leave out the name of an only command."""


@app.command("create-key")
def create_key(
    name: str,
    account: Annotated[
        str | None, typer.Option(help="Whose key; the account is made if it does not exist.")
    ] = None,
    json: Json = False,
) -> None:
    """Create an API key and print it; it cannot be shown again."""
    with needs_the_service_extra():
        from service.accounts.first_key import new_key
    secret = new_key(Settings(), name, account)
    if json:
        emit({"name": name, "secret": secret})
    else:
        typer.echo(secret)
