"""``l2c models`` and ``l2c datasets``."""

from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli import uploading
from learn2compress.cli.console import Json, Key, Url, connect, emit, show_fields, show_table
from learn2compress.client import Kind

File = typer.Argument(exists=True, dir_okay=False, readable=True)


def commands(kind: Kind) -> typer.Typer:
    """The same verbs for both kinds."""
    app = typer.Typer(no_args_is_help=True)

    @app.command("list")
    def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
        """All of them, newest first."""
        with connect(url, key) as client:
            records = list(client.records(kind))
        if json:
            return emit(records)
        rows = [
            [each.id, each.name, each.state, f"{each.created_at:%Y-%m-%d %H:%M}"]
            for each in records
        ]
        show_table(["id", "name", "state", "created"], rows)

    @app.command()
    def show(record_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
        """One, with what inspection found."""
        with connect(url, key) as client:
            record = client.record(kind, record_id)
        emit(record) if json else show_fields(record)

    @app.command()
    def upload(
        file: Annotated[Path, File],
        name: Annotated[str | None, typer.Option(help="The file's name when left out.")] = None,
        wait: Annotated[bool, typer.Option(help="Wait until a worker has inspected it.")] = True,
        url: Url = None,
        key: Key = None,
        json: Json = False,
    ) -> None:
        """Send a file; a transfer that was cut short goes on where it stopped."""
        with connect(url, key) as client:
            with uploading.transfer_bars(quiet=json) as bars:
                record = uploading.send(client, kind, file, bars, name)
            if wait:
                record = uploading.wait_until_ready(client, kind, record.id, quiet=json)
        emit(record) if json else show_fields(record)

    @app.command()
    def delete(record_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
        """Delete one that no job uses, with its bytes."""
        with connect(url, key) as client:
            client.delete(kind, record_id)
        emit({"deleted": record_id}) if json else typer.echo(f"deleted {record_id}")

    return app
