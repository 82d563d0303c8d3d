"""``l2c serve``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli.console import ExitCode, explain
from learn2compress.transport import ClientError
from service.commands.extras import needs_the_service_extra
from service.contract.settings import Settings
from service.contract.version import installed_version


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (env L2C_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. (env L2C_PORT)")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything that is kept. (env L2C_DATA_DIR)")
    ] = None,
) -> None:
    """Run the service; without L2C_REDIS_URL with its own worker, database and store in --data."""
    options = {"host": host, "port": port, "data_dir": data}
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]
    with needs_the_service_extra():
        from migrations import WrongVersion
        from service.serving import AddressUnusable, run
    try:
        run(settings, lambda address, key: _announce(settings, address, key))
    except AddressUnusable as error:
        hint = "Perhaps a service runs there already; --port 0 takes a free port."
        problem = ClientError("address_unusable", f"Cannot listen on {error}.", hint)
        raise explain(problem, ExitCode.UNEXPECTED) from None
    except WrongVersion as error:
        raise explain(ClientError("wrong_version", str(error)), ExitCode.UNEXPECTED) from None


def _announce(settings: Settings, address: str, key: str) -> None:
    typer.echo(f"learn2compress {installed_version()} listens on {address}")
    file = settings.data_dir / "key"
    if key:
        typer.echo(f"key: {key} (also in {file})")
    elif file.exists():
        typer.echo(f"key: in {file}")
    sys.stdout.flush()
