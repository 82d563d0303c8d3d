"""What a job made: fetched into a folder, shown as a table with the teacher's own row as baseline."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from service.cli.console import ExitCode, explain, show_table
from service.client import Client
from service.contract.job import JobState
from service.schemas import JobView
from service.transport import ClientError, Refused

COLUMNS = ["variant", "top-1", "agrees", "kB", "M MACs", "p50 ms", "smaller", "faster", "fewer MACs"]


Out = Annotated[Path, typer.Option(file_okay=False, help="Folder for the .tflite files, report.json and the plots.")]


def make_folder(folder: Path) -> None:
    """At once, so that nobody trains for hours for a folder that cannot be made; a usage error when it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder} cannot be made: {error.strerror}", param_hint="--out") from None


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


def show(job: JobView) -> None:
    """The figures that decide, in 80 columns; report.json has them all."""
    rows = [variant.metrics | {"name": variant.name, "bytes": variant.bytes} for variant in job.variants]
    rows.sort(key=lambda row: -int(row["bytes"]))
    show_table(COLUMNS, [_row((job.baseline or {}) | {"name": "teacher"}), *map(_row, rows)])


def demand_success(job: JobView) -> None:
    """Exit with the documented code when the job did not succeed."""
    if job.state == JobState.CANCELLED:
        raise explain(ClientError("cancelled", f"Job {job.id} was cancelled."), ExitCode.JOB_CANCELLED)
    if job.state == JobState.FAILED:
        error = ClientError(job.error.code, job.error.message, job.error.hint) if job.error else None
        raise explain(error or ClientError("failed", f"Job {job.id} failed."), ExitCode.JOB_FAILED)


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


def _row(figures: dict[str, Any]) -> list[str]:
    latency = (figures.get("latency_ms") or {}).get("p50")
    percent = [_shown(figures.get(name), ".1%") for name in ("top1", "agreement")]
    counts = [_shown(_per(figures.get("bytes"), 1e3), ",.1f"), _shown(_per(figures.get("macs"), 1e6), ",.2f")]
    ratios = [_shown(figures.get(name), ".1f", "x") for name in ("smaller_x", "faster_x", "fewer_macs_x")]
    return [str(figures["name"]), *percent, *counts, _shown(latency, ".2f"), *ratios]


def _per(value: Any, unit: float) -> Any:
    return value / unit if isinstance(value, (int, float)) else None


def _shown(value: Any, form: str, unit: str = "") -> str:
    return format(value, form) + unit if isinstance(value, (int, float)) else "-"
