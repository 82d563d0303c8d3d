"""The engine on local files, without a service, for people.

    python -m workers.local compress MODEL DATA --out DIR
    python -m workers.local inspect [--model MODEL] [--data DATA] [--json]

``compress`` has the options of ``l2c compress``. Nothing here runs in a sandbox: open only models
that you trust. Exit status: 0 done, 1 unexpected, 2 refused, with code, message and hint.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from learn2compress.cli.console import ExitCode, command_line, explain
from learn2compress.cli.job_bar import JobBar, note
from learn2compress.job_options import with_spec_options
from learn2compress.transport import ClientError
from service.contract.job import JobSpec
from service.contract.report import Baseline, Report, ReportedVariant
from workers.compression import inspection, start
from workers.compression.errors import CompressionError, as_compression_error
from workers.compression.images.copies import contradiction
from workers.compression.progress import OverallProgress
from workers.compression.work_folder import PLOTS, REPORT, VARIANTS

app = command_line("Run the engine on local files, without a service and without its sandbox.")
File = typer.Argument(exists=True, dir_okay=False, readable=True)
FileOption = typer.Option(exists=True, dir_okay=False, readable=True)
# TensorFlow would print pages about this machine between the progress bars.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
WORK = "work"
"""Below --out: the engine's work folder, kept until the job is done so that it can go on."""


@app.command()
@with_spec_options
def compress(
    spec: JobSpec,
    model: Annotated[Path, File],
    data: Annotated[Path, File],
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder for the .tflite files and report.json.")
    ],
) -> None:
    """Compress MODEL on DATA; a training that was interrupted goes on from its checkpoint."""
    work = out / WORK
    work.mkdir(parents=True, exist_ok=True)
    try:
        with JobBar() as bar:
            report_progress = partial(_show, bar, OverallProgress())
            fields = spec.model_dump(mode="json")
            report = start.compress(model, data, work, fields, report_progress)
    except Exception as error:
        if refusal := as_compression_error(error):
            _exit_refused(refusal)
        raise
    _keep_results(work, out, report)
    _print_table(Report.model_validate(report))


def _show(
    bar: JobBar, overall: OverallProgress, stage: str, fraction: float, **details: Any
) -> None:
    done, seconds = overall(stage, fraction, details.get("expected"))
    metrics = details.get("metrics", {})
    bar.show(stage, done, note(details.get("epoch"), details.get("epochs"), metrics, seconds))


@app.command()
def inspect(
    model: Annotated[Path | None, FileOption] = None,
    data: Annotated[Path | None, FileOption] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Tell what a model and a dataset are; with both also the teacher's scaling, output and top-1.

    Exits with 0 where the files can be used, with 2 where they are refused.
    """
    if model is None and data is None:
        raise typer.BadParameter("give --model, --data or both")
    found: dict[str, Any] = {}
    refusal = None
    try:
        for name, description in _inspections(model, data):
            found[name] = description
    except Exception as error:
        refusal = as_compression_error(error)
        if refusal is None:
            raise
        told = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint}
        found["error"] = told
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print_description(found)
    if refusal is not None:
        _exit_refused(refusal)


def _inspections(model: Path | None, data: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is found, by name, as soon as it is found."""
    with tempfile.TemporaryDirectory() as scratch:
        if model is not None:
            yield "model", inspection.model(model, Path(scratch))
        if data is not None:
            yield "data", inspection.dataset(data)
        if model is not None and data is not None:
            spec = JobSpec().model_dump(mode="json")
            yield "teacher", inspection.accuracy(model, data, spec)


def _print_description(found: dict[str, Any]) -> None:
    """The figures that matter, a line for each inspection; --json has all."""
    if "model" in found:
        model = found["model"]
        shape, outputs = model["input"]["shape"][1:], model["output"]["shape"][-1]
        size = " x ".join(map(str, shape))
        weights = f"{model['parameters']:,} weights"
        typer.echo(f"model: {model['format']}, {weights}, {size} in, {outputs} scores out")
    if "data" in found:
        data = found["data"]
        splits = ", ".join(data["counts"])
        classes = f"{len(data['classes'])} classes"
        typer.echo(f"data: {data['images']:,} images of {classes} (splits: {splits})")
        for warning in contradiction(data) if "teacher" not in found else []:
            typer.echo(f"warning: {warning}", err=True)
    if "teacher" in found:
        teacher = found["teacher"]
        known = f"top-1 {teacher['top1']:.2%} of {teacher['images']:,} held-out images"
        scaling = f"scaling {teacher['input_scaling']}, output {teacher['teacher_output']}"
        typer.echo(f"teacher: {known}, {scaling}")
        for warning in teacher["warnings"]:
            typer.echo(f"warning: {warning}", err=True)


def _exit_refused(refusal: CompressionError) -> NoReturn:
    """Print code, message and hint, and exit with the status of a refusal."""
    error = ClientError(refusal.code, refusal.message, refusal.hint)
    raise explain(error, ExitCode.USAGE)


def _keep_results(work: Path, out: Path, report: dict[str, Any]) -> None:
    """Move the files that the job made out of its work folder, and remove that."""
    for file in [*(work / VARIANTS).iterdir(), *(work / name for name in PLOTS)]:
        shutil.move(file, out / file.name)
    (out / REPORT).write_text(json.dumps(report, indent=2) + "\n")
    shutil.rmtree(work)


def _print_table(report: Report) -> None:
    rows: list[Baseline | ReportedVariant] = [report.baseline, *report.variants]
    for row in rows:
        typer.echo(f"{row.name:24} {row.bytes:>12,} bytes  top-1 {row.top1:.2%}")
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)


if __name__ == "__main__":
    app(prog_name="python -m workers.local")
