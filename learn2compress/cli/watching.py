"""A job's progress on the terminal, and what Ctrl-C means there."""

import sys

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from learn2compress.cli.console import ExitCode
from learn2compress.client import Client
from service.contract.views import EventView, JobView


def watch(client: Client, job_id: str, quiet: bool) -> JobView:
    """Follow the job until it has ended. Ctrl-C asks whether to cancel it; without a terminal it
    goes on.
    """
    try:
        return _follow(client, job_id, quiet)
    except KeyboardInterrupt:
        if not sys.stdin.isatty() or not _confirmed(
            f"\nCancel job {job_id} on the server as well?"
        ):
            typer.echo(f"Job {job_id} goes on. `l2c jobs watch {job_id}` shows it.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    client.cancel(job_id)
    return client.wait(job_id)


def _confirmed(question: str) -> bool:
    """A second Ctrl-C means no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def _follow(client: Client, job_id: str, quiet: bool) -> JobView:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        task = bars.add_task("queued", total=1.0, note="")
        for event in client.events(job_id):
            if event.type == "progress":
                done, stage = event.data.get("progress", 0.0), event.data.get("stage", "")
                bars.update(task, completed=done, description=stage, note=_note(event))
            else:
                bars.update(task, description=str(event.data.get("state", "")), note="")
    return client.job(job_id, patient=True)


def _note(event: EventView) -> str:
    """E.g. ``epoch 3/20  large_top1 0.812  1:33 left``."""
    data, parts = event.data, []
    if data.get("epoch") is not None:
        parts.append(f"epoch {data['epoch']}/{data.get('epochs') or '?'}")
    parts += [f"{name} {value:.3f}" for name, value in (data.get("metrics") or {}).items()]
    if data.get("eta_seconds") is not None:
        minutes, seconds = divmod(round(data["eta_seconds"]), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(parts)
