"""``l2c jobs``."""

import typer

from learn2compress.cli import figures, results, specs, uploading, watching
from learn2compress.cli.console import Json, Key, Url, connect, emit, show_fields, show_table

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(url: Url = None, key: Key = None, json: Json = False) -> None:
    """All of them, newest first."""
    with connect(url, key) as client:
        jobs = list(client.jobs())
    if json:
        return emit(jobs)
    rows = [
        [job.id, job.state, job.stage, f"{job.progress:.0%}", f"{job.created_at:%Y-%m-%d %H:%M}"]
        for job in jobs
    ]
    show_table(["id", "state", "stage", "progress", "created"], rows)


@app.command()
def show(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """One, with its table once it has succeeded."""
    with connect(url, key) as client:
        job = client.job(job_id)
    if json:
        return emit(job)
    show_fields(job, "report", "variants", "baseline")
    if job.variants:
        figures.show(job)


@app.command()
def submit(
    model_id: str,
    dataset_id: str,
    effort: specs.Effort = "standard",
    seed: specs.Seed = 0,
    input_scaling: specs.InputScaling = None,
    teacher_output: specs.TeacherOutput = None,
    class_names: specs.ClassNames = None,
    family: specs.Family = "auto",
    teacher: specs.Teacher = "fixed",
    sparsity: specs.Sparsity = 0.0,
    quantizations: specs.Quantizations = None,
    variants: specs.Variants = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Compress a model that was uploaded with data that were; prints the job's id and does not wait
    for it.
    """
    wanted = specs.spec(
        effort=effort,
        seed=seed,
        input_scaling=input_scaling,
        teacher_output=teacher_output,
        class_names=class_names,
        family=family,
        teacher=teacher,
        sparsity=sparsity,
        quantizations=quantizations,
        variants=variants,
    )
    with connect(url, key) as client:
        job = client.submit(model_id, dataset_id, wanted)
    emit(job) if json else typer.echo(job.id)


@app.command()
def watch(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Follow one until it has ended; Ctrl-C asks whether to cancel it."""
    with connect(url, key) as client:
        job = watching.watch(client, job_id, quiet=json)
    if json:
        emit(job)
    results.demand_success(job)
    if not json:
        figures.show(job)
    results.demand_budgets(job)


@app.command()
def cancel(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """End one early."""
    with connect(url, key) as client:
        job = client.cancel(job_id)
    emit(job) if json else typer.echo(
        f"{job_id} is {job.state}{', ending' if job.state == 'running' else ''}"
    )


@app.command()
def download(
    job_id: str,
    out: results.Out,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Fetch everything that one made."""
    results.make_folder(out)
    with connect(url, key) as client:
        client.report(job_id)
        with uploading.transfer_bars(quiet=json) as bars:
            files = results.fetch(client, client.job(job_id), out, bars)
    names = [str(file) for file in files]
    emit({"files": names}) if json else typer.echo("\n".join(names))
