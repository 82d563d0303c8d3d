"""``l2c admin jobs``."""

from typing import Annotated

import typer

from learn2compress.cli.console import Json, emit, moment, show_table
from service.commands.database import jobs_on_the_database
from service.contract.job import JobState
from service.contract.operator_views import OperatorJob

app = typer.Typer(no_args_is_help=True)
State = Annotated[JobState | None, typer.Option(help="Only those in this state.")]
AccountOption = Annotated[str | None, typer.Option(help="Only those of this account.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


@app.command("list")
def browse(
    state: State = None, account: AccountOption = None, limit: Limit = 50, json: Json = False
) -> None:
    """List jobs and inspections of all accounts, newest first."""
    with jobs_on_the_database() as operations:
        jobs = operations.list_jobs(state, account, limit)
    if json:
        return emit(jobs)
    rows = []
    for each in jobs:
        done = (each.state, each.stage, f"{each.progress:.0%}", each.attempts, each.code)
        rows.append([each.id, each.account, each.kind, each.device, *done, moment(each.created_at)])
    columns = ["id", "account", "kind", "device", "state", "stage", "progress", "attempts", "error"]
    show_table([*columns, "created"], rows)


@app.command()
def cancel(job_id: str, json: Json = False) -> None:
    """End one of any account; a running one is ended by its worker, within seconds."""
    with jobs_on_the_database() as operations:
        job = operations.cancel(job_id)
    _tell(job, "cancelled", json)


@app.command()
def requeue(job_id: str, json: Json = False) -> None:
    """Put a failed one back into the queue, if its model and dataset are still there."""
    with jobs_on_the_database() as operations:
        job = operations.requeue(job_id)
    _tell(job, "requeued", json)


def _tell(job: OperatorJob, done: str, json: bool) -> None:
    emit(job) if json else typer.echo(f"{done} {job.id}")
