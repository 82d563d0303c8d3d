"""What a job made, downloaded into a folder; and exit codes for what went wrong."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from learn2compress.cli import figures
from learn2compress.cli.console import ExitCode, explain
from learn2compress.client import Client
from learn2compress.transport import ClientError, Refused, api_path
from service.contract.job import JobState
from service.contract.job_views import JobView
from service.contract.report import PLOT_NAME

Out = Annotated[
    Path,
    typer.Option(file_okay=False, help="Folder for the .tflite files, report.json and the plots."),
]


def make_folder(folder: Path) -> None:
    """Make the output folder before the training, not after it; a usage error if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(
            f"{folder} cannot be made: {error.strerror}", param_hint="--out"
        ) from None


def fetch(client: Client, job: JobView, folder: Path, bars: Progress) -> list[Path]:
    """Download the variants, report.json and both plots into the existing ``folder``."""
    # First, because it is refused for a job that has no results.
    report = client.transport.json("GET", api_path("jobs", job.id, "report"))
    files = []
    task = bars.add_task("download", total=sum(variant.bytes for variant in job.variants))
    for variant in job.variants:
        files.append(client.download_variant(variant, folder / Path(variant.filename).name))
        bars.advance(task, variant.bytes)
    files.append(folder / "report.json")
    files[-1].write_text(json.dumps(report, indent=2) + "\n")
    return files + _plots(client, job, folder)


def exit_unless_succeeded(job: JobView) -> None:
    """Exit with the documented code when the job did not succeed."""
    if job.state == JobState.CANCELLED:
        raise explain(
            ClientError("cancelled", f"Job {job.id} was cancelled."), ExitCode.JOB_CANCELLED
        )
    if job.state == JobState.FAILED:
        error = (
            ClientError(job.error.code, job.error.message, job.error.hint) if job.error else None
        )
        raise explain(error or ClientError("failed", f"Job {job.id} failed."), ExitCode.JOB_FAILED)


def exit_unless_budgets_kept(job: JobView) -> None:
    """Exit with the documented code when a file does not keep its budget."""
    if names := figures.short_of_budget(job):
        hint = "All files are there. Request less, allow more bytes, or train longer (--effort)."
        error = ClientError(
            "budget_not_kept", f"Some files do not keep their budget: {', '.join(names)}.", hint
        )
        raise explain(error, ExitCode.BUDGET_NOT_KEPT)


def _plots(client: Client, job: JobView, folder: Path) -> list[Path]:
    files = []
    for suffix in ("png", "svg"):
        try:
            content = client.get_plot(job.id, suffix)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            continue
        files.append(folder / f"{PLOT_NAME}.{suffix}")
        files[-1].write_bytes(content)
    return files
