"""``l2c admin workers``."""

import typer

from learn2compress.cli.console import Json, emit, moment, show_table
from service.commands.database import jobs_on_the_database

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(json: Json = False) -> None:
    """List them, newest first: what each does, and when it was last seen."""
    with jobs_on_the_database() as operations:
        workers = operations.list_workers()
    if json:
        return emit(workers)
    rows = []
    for each in workers:
        times = (moment(each.started_at), f"{each.seen_at:%Y-%m-%d %H:%M:%S}")
        rows.append(
            [each.id, each.state, each.job_id, each.version, *times, each.device, each.sandbox]
        )
    show_table(["id", "state", "job", "version", "started", "last seen", "device", "sandbox"], rows)


@app.command()
def drain(worker_id: str, json: Json = False) -> None:
    """Let one take no new job after its present one, until it is started again."""
    with jobs_on_the_database() as operations:
        worker = operations.drain(worker_id)
    emit(worker) if json else typer.echo(f"draining {worker.id}")
