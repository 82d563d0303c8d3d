"""``l2c admin backup`` and ``l2c admin restore``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learn2compress.cli.console import ExitCode, Json, emit, explain
from learn2compress.cli.uploading import transfer_bars
from learn2compress.transport import ClientError
from service.commands.database import refusals_as_of_the_service
from service.commands.extras import needs_the_service_extra
from service.contract.settings import Settings

if TYPE_CHECKING:
    from service.backup.manifest import Manifest

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder.")]


def backup(folder: Folder, json: Json = False) -> None:
    """Write all rows and all files into DIR, also while the service runs."""
    with needs_the_service_extra():
        from service import database_version
        from service.backup.backing_up import back_up
        from service.contract import data_folder
    settings = Settings()
    with refusals_as_of_the_service():
        data_folder.prepare(settings)
        database_version.prepare(settings)
        made = _with_a_bar("back up", json, lambda progress: back_up(settings, folder, progress))
    _tell(made, "backed up", json)


def restore(folder: Folder, json: Json = False) -> None:
    """Restore DIR into an empty database and its store; start the service afterwards.

    The same command again continues one that was interrupted.
    """
    with needs_the_service_extra():
        from service.backup import restoring
    settings = Settings()
    with refusals_as_of_the_service():
        made = _with_a_bar(
            "restore", json, lambda progress: restoring.restore(settings, folder, progress)
        )
    _tell(made, "restored", json)


def _with_a_bar(
    word: str, quiet: bool, work: Callable[[Callable[[int, int], None]], "Manifest"]
) -> "Manifest":
    with transfer_bars(quiet) as bars:
        task = bars.add_task(word, total=None)

        def progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return work(progress)


def _tell(made: "Manifest", done: str, json: bool) -> None:
    rows = sum(table.rows for table in made.tables)
    summary: dict[str, Any] = {
        "schema_version": made.schema_version,
        "created_at": made.created_at.isoformat(),
        "tables": {table.name: table.rows for table in made.tables},
        "objects": len(made.objects),
        "bytes": made.bytes,
        "lost": list(made.lost),
    }
    line = f"{done} {rows:,} rows, {len(made.objects):,} files, {made.bytes:,} bytes"
    emit(summary) if json else typer.echo(line)
    if made.lost:
        message = f"{len(made.lost)} files that rows name are missing or damaged in the store."
        hint = "The rest is complete. --json lists them under `lost`."
        raise explain(ClientError("files_lost", message, hint), ExitCode.UNEXPECTED)
