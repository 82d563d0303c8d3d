"""``l2c variants``."""

from pathlib import Path
from typing import Annotated

import typer

from learn2compress.cli import figures
from learn2compress.cli.console import Json, Key, Url, connect, emit, show_fields

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def browse(job_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """Those of one job, with the teacher's own row as baseline."""
    with connect(url, key) as client:
        job = client.job(job_id)
    emit(job.variants) if json else figures.show(job)


@app.command()
def show(variant_id: str, url: Url = None, key: Key = None, json: Json = False) -> None:
    """One, with all its figures."""
    with connect(url, key) as client:
        variant = client.variant(variant_id)
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
    """Fetch one .tflite; goes on where an earlier try stopped, and checks its SHA-256."""
    with connect(url, key) as client:
        variant = client.variant(variant_id)
        file = client.download(variant, out or Path(Path(variant.filename).name))
    emit({"file": str(file), "sha256": variant.sha256}) if json else typer.echo(file)
