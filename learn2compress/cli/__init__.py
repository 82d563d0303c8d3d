"""The command line, ``l2c``.

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 cannot connect, 4 refused by the server, 5 the job
failed, 6 the job was cancelled, 7 a file does not keep its budget, 130 interrupted.
"""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from learn2compress.cli import compress, jobs, keys, records, variants, webhooks
from learn2compress.cli.account import account, audit
from learn2compress.cli.console import command_line
from learn2compress.cli.kinds import DATASETS, MODELS

SERVER_COMMANDS = "learn2compress.commands"
"""Entry points: commands of the server, which this package must not import itself."""

app = command_line("Compress a large trained model into several small .tflite files.")
app.command()(compress.compress)
app.add_typer(records.commands(MODELS), name="models", help="Teachers that you uploaded.")
app.add_typer(records.commands(DATASETS), name="datasets", help="Data that you uploaded.")
app.add_typer(jobs.app, name="jobs", help="Submit, list, show, watch, cancel, download, delete.")
app.add_typer(
    variants.app, name="variants", help="What jobs made: figures and files, found by their figures."
)
app.command()(account)
app.command()(audit)
app.add_typer(keys.app, name="keys", help="The keys that open your account.")
app.add_typer(webhooks.app, name="webhooks", help="Where you are told that jobs have ended.")
for entry in entry_points(group=SERVER_COMMANDS):
    command = entry.load()
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=entry.name)
    else:
        app.command(entry.name)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("learn2compress"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    return None
