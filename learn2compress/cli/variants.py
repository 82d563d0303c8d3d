"""``l2c variants``."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from learn2compress import budgets
from learn2compress.cli import figures
from learn2compress.cli.console import (
    Json,
    Key,
    LabelOption,
    NameOption,
    Url,
    connect,
    emit,
    label_options,
    show_fields,
    show_table,
)
from service.contract import job

app = typer.Typer(no_args_is_help=True)


def _number(budget: str) -> Callable[[str], str]:
    """Reads an option in the units of ``--variant``."""

    def read(text: str) -> str:
        try:
            return f"{budgets.number(budget, text):f}"
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return read


def _limit(budget: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=text, parser=_number(budget))
    return option


@app.command("list")
def browse(
    job_id: Annotated[str | None, typer.Argument(help="Those of one job.")] = None,
    max_bytes: Annotated[str | None, _limit("max_bytes", "E.g. 96KiB.")] = None,
    max_macs: Annotated[str | None, _limit("max_macs", "E.g. 15M.")] = None,
    max_latency_ms: Annotated[str | None, _limit("max_latency_ms", "E.g. 2.5ms.")] = None,
    min_top1: Annotated[str | None, _limit("min_top1", "E.g. 90%.")] = None,
    min_top3: Annotated[str | None, _limit("min_top3", "E.g. 98%.")] = None,
    min_top5: Annotated[str | None, _limit("min_top5", "E.g. 99%.")] = None,
    quantization: job.Quantization | None = None,
    name: NameOption = None,
    label: LabelOption = None,
    sort: Annotated[str, typer.Option(help="E.g. bytes or -top1 (descending).")] = "-created_at",
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """List variants by their figures, of one job or of all."""
    with connect(url, key) as client:
        found = client.list_variants(
            job_id=job_id,
            max_bytes=max_bytes,
            max_macs=max_macs,
            max_latency_ms=max_latency_ms,
            min_top1=min_top1,
            min_top3=min_top3,
            min_top5=min_top5,
            quantization=quantization,
            name=name,
            labels=label_options(label),
            sort=sort,
        )
        variants = list(found)
    if json:
        return emit(variants)
    rows = [[*figures.row(variant), variant.id, variant.job_id] for variant in variants]
    show_table([*figures.COLUMNS, "id", "job"], rows)


@app.command()
def show(variant_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Show one, with all its figures."""
    with connect(url, key) as client:
        variant = client.get_variant(variant_id)
    emit(variant) if json else show_fields(variant)


@app.command()
def download(
    variant_id: str,
    out: Annotated[
        Path | None, typer.Option(help="File to write; its own name, here, when left out.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json: Json = False,
) -> None:
    """Download one .tflite; resumes an earlier try, and checks its SHA-256."""
    with connect(url, key) as client:
        variant = client.get_variant(variant_id)
        file = client.download_variant(variant, out or Path(Path(variant.filename).name))
    emit({"file": str(file), "sha256": variant.sha256}) if json else typer.echo(file)
