"""``l2c serve``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import ExitCode, explain
from service.contract.settings import Settings
from service.transport import ClientError
from service.version import installed_version


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (env L2C_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. (env L2C_PORT)")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for everything that is kept. (env L2C_DATA_DIR)")] = None,
) -> None:
    """Run the service. Without L2C_REDIS_URL it brings its own worker, database and store below --data."""
    given = {"host": host, "port": port, "data_dir": data}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    try:
        from service.serving import AddressUnusable, run
    except ImportError as error:
        missing = ClientError("not_installed", f"Serving needs {error.name}.", "pip install 'learn2compress[service]'")
        raise explain(missing, ExitCode.USAGE) from None
    try:
        run(settings, lambda address, key: _announce(settings, address, key))
    except AddressUnusable as error:
        hint = "Perhaps a service runs there already; --port 0 takes a free port."
        raise explain(
            ClientError("address_unusable", f"Cannot listen on {error}.", hint), ExitCode.UNEXPECTED
        ) from None


def _announce(settings: Settings, address: str, key: str) -> None:
    typer.echo(f"learn2compress {installed_version()} listens on {address}")
    if key:
        typer.echo(f"key: {key} (also in {settings.data_dir / 'key'})")
    sys.stdout.flush()
