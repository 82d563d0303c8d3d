"""A job's progress on the terminal, and what Ctrl-C means there."""

import sys

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from learn2compress.cli.console import ExitCode
from learn2compress.client import Client
from service.contract.views import JobView, ProgressData, StateEventView


def watch(client: Client, job_id: str, quiet: bool) -> JobView:
    """Follow the job until it has ended.

    Ctrl-C asks whether to cancel the job; without a terminal the job goes on.
    """
    try:
        return _follow(client, job_id, quiet)
    except KeyboardInterrupt:
        if not sys.stdin.isatty() or not _confirmed(
            f"\nCancel job {job_id} on the server as well?"
        ):
            typer.echo(f"Job {job_id} goes on. `l2c jobs watch {job_id}` shows it.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    client.cancel_job(job_id)
    return client.wait_for_job(job_id)


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
        for event in client.watch_job(job_id):
            if isinstance(event, StateEventView):
                bars.update(task, description=event.data.state, note="")
            else:
                done, stage = event.data.progress, event.data.stage
                bars.update(task, completed=done, description=stage, note=_note(event.data))
    return client.get_job(job_id, patient=True)


def _note(data: ProgressData) -> str:
    """E.g. ``epoch 3/20  large_top1 0.812  1:33 left``."""
    parts = []
    if data.epoch is not None:
        parts.append(f"epoch {data.epoch}/{data.epochs or '?'}")
    for name, value in data.metrics.items():
        parts.append(f"{name} {value:.3f}")
    if data.eta_seconds is not None:
        minutes, seconds = divmod(round(data.eta_seconds), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(parts)
