"""A job's progress on the terminal, and what Ctrl-C means there."""

import sys

import typer

from learn2compress.cli.console import ExitCode
from learn2compress.cli.job_bar import JobBar, note
from learn2compress.client import Client
from service.contract.job import JobState
from service.contract.job_views import JobView, StateEventView

WAITING = "waiting for a worker"


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
    with JobBar(quiet) as bar:
        bar.show(WAITING)
        for event in client.watch_job(job_id):
            if isinstance(event, StateEventView):
                state = event.data.state
                done = 1.0 if state == JobState.SUCCEEDED else None
                bar.show(WAITING if state == JobState.QUEUED else state, done)
            else:
                data = event.data
                text = note(data.epoch, data.epochs, data.metrics, data.eta_seconds)
                bar.show(data.stage, data.progress, text)
    return client.get_job(job_id, patient=True)
