"""``l2c jobs``."""

from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli import figures, results, uploading, watching
from learn2compress.cli.console import (
    DeviceOption,
    Json,
    Key,
    LabelOption,
    NameOption,
    PriorityOption,
    Url,
    connect,
    emit,
    label_options,
    moment,
    show_fields,
    show_table,
)
from learn2compress.job_options import with_spec_options
from service.contract.devices import Device
from service.contract.job import DEFAULT_PRIORITY, JobSpec, JobState

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(
    state: JobState | None = None,
    name: NameOption = None,
    label: LabelOption = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """List them, newest first."""
    with connect(url, key) as client:
        jobs = list(client.list_jobs(state=state, name=name, labels=label_options(label)))
    if json:
        return emit(jobs)
    rows = []
    for job in jobs:
        done, created = f"{job.progress:.0%}", moment(job.created_at)
        rows.append([job.id, job.name, job.state, job.stage, done, created])
    show_table(["id", "name", "state", "stage", "progress", "created"], rows)


@app.command()
def show(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Show one, with its table once it has succeeded."""
    with connect(url, key) as client:
        job = client.get_job(job_id)
    if json:
        return emit(job)
    show_fields(job, "report", "variants", "baseline")
    if job.variants:
        figures.show(job)


@app.command()
@with_spec_options
def submit(
    spec: JobSpec,
    model_id: str,
    dataset_id: str,
    name: NameOption = None,
    priority: PriorityOption = DEFAULT_PRIORITY,
    device: DeviceOption = Device.ANY,
    label: LabelOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended, and show its table.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="With --wait: a folder for what the job made."),
    ] = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Compress an uploaded model with uploaded data; prints the job's id."""
    if out and not wait:
        raise typer.BadParameter("is of use with --wait only", param_hint="--out")
    if out:
        results.make_folder(out)
    with connect(url, key) as client:
        labels = label_options(label)
        job = client.create_job(model_id, dataset_id, spec, name, labels, priority, device)
        if wait:
            typer.echo(job.id, err=True)
            job = watching.watch(client, job.id, quiet=json)
            results.exit_unless_succeeded(job)
        if out:
            with uploading.transfer_bars(quiet=json) as bars:
                results.fetch(client, job, out, bars)
    if json:
        emit(job)
    elif wait:
        figures.show(job)
    else:
        typer.echo(job.id)
    results.exit_unless_budgets_kept(job)


@app.command()
def watch(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Follow one until it has ended; Ctrl-C asks whether to cancel it."""
    with connect(url, key) as client:
        job = watching.watch(client, job_id, quiet=json)
    if json:
        emit(job)
    results.exit_unless_succeeded(job)
    if not json:
        figures.show(job)
    results.exit_unless_budgets_kept(job)


@app.command()
def cancel(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """End one early."""
    with connect(url, key) as client:
        job = client.cancel_job(job_id)
    if json:
        emit(job)
    elif job.state == JobState.RUNNING:
        typer.echo(f"{job_id} is running, ending")
    else:
        typer.echo(f"{job_id} is {job.state}")


@app.command()
def delete(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Delete one that has ended, with everything that it made."""
    with connect(url, key) as client:
        client.delete_job(job_id)
    emit({"deleted": [job_id]}) if json else typer.echo(f"deleted {job_id}")


@app.command()
def download(
    job_id: str,
    out: results.Out,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Download everything that one made."""
    results.make_folder(out)
    with connect(url, key) as client, uploading.transfer_bars(quiet=json) as bars:
        files = results.fetch(client, client.get_job(job_id), out, bars)
    names = [str(file) for file in files]
    emit({"files": names}) if json else typer.echo("\n".join(names))
