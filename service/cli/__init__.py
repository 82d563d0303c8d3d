"""The command line, ``l2c``. Exit codes: 0 ok, 1 unexpected, 2 usage, 3 cannot connect, 4 refused by the server,
5 the job failed, 6 the job was cancelled, 7 a file does not keep its budget, 130 interrupted."""

from typing import Annotated

import typer

from service.cli import compress, jobs, keys, records, serve, variants
from service.cli.console import PoliteGroup
from service.version import installed_version

app = typer.Typer(
    cls=PoliteGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Compress a large trained model into several small .tflite files.",
)
app.command()(serve.serve)
app.command()(compress.compress)
app.add_typer(records.commands("models"), name="models", help="Teachers that you uploaded.")
app.add_typer(records.commands("datasets"), name="datasets", help="Data that you uploaded.")
app.add_typer(jobs.app, name="jobs", help="Compressions: submit, list, show, watch, cancel, download.")
app.add_typer(variants.app, name="variants", help="What jobs made: figures and files.")
app.add_typer(keys.app, name="keys", help="The keys that open your account.")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(installed_version())
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    return None
