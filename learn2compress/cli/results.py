"""What a job made, fetched into a folder; and what becomes of the command where it is not what was
asked for.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from learn2compress.cli import figures
from learn2compress.cli.console import ExitCode, explain
from learn2compress.client import Client
from learn2compress.transport import ClientError, Refused
from service.contract.job import JobState
from service.contract.views import JobView

Out = Annotated[
    Path,
    typer.Option(file_okay=False, help="Folder for the .tflite files, report.json and the plots."),
]


def make_folder(folder: Path) -> None:
    """At once, so that nobody trains for hours for a folder that cannot be made; a usage error when
    it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(
            f"{folder} cannot be made: {error.strerror}", param_hint="--out"
        ) from None


def fetch(client: Client, job: JobView, folder: Path, bars: Progress) -> list[Path]:
    """Variants, report.json and both plots, in ``folder``, which is there."""
    files = []
    task = bars.add_task("download", total=sum(variant.bytes for variant in job.variants))
    for variant in job.variants:
        files.append(client.download(variant, folder / Path(variant.filename).name))
        bars.advance(task, variant.bytes)
    report = folder / "report.json"
    report.write_text(json.dumps(job.report, indent=2) + "\n")
    return [*files, report, *_plots(client, job, folder)]


def demand_success(job: JobView) -> None:
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


def demand_budgets(job: JobView) -> None:
    """Exit with the documented code when a file that was made does not keep what was asked of it."""
    if names := figures.short_of_budget(job):
        hint = "Every file is there all the same. Ask for less, give it more bytes, or train longer (--effort)."
        error = ClientError(
            "budget_not_kept", f"Made, but short of the budget: {', '.join(names)}.", hint
        )
        raise explain(error, ExitCode.BUDGET_NOT_KEPT)


def _plots(client: Client, job: JobView, folder: Path) -> list[Path]:
    files = []
    for suffix in ("png", "svg"):
        try:
            content = client.plot(job.id, suffix)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            continue
        files.append(folder / f"accuracy_over_bytes.{suffix}")
        files[-1].write_bytes(content)
    return files
