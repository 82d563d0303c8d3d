"""What all commands share: options, exit codes, tables, and how errors are shown."""

import json
import os
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from learn2compress.client import Client
from learn2compress.transport import ClientError, ConnectionFailed, Refused
from service.contract.client_settings import ClientSettings
from service.contract.devices import Device
from service.contract.views import labels_of

ATTEMPTS = 4
_as_json = ContextVar("as_json", default=False)
"""Whether the command was called with --json."""
# Columns: rich would cut cells to the terminal's width, and half a figure is a wrong one.
WIDEST = 1000
Url = Annotated[str | None, typer.Option("--url", help="Where the service is. (env L2C_URL)")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", help="API key (env L2C_KEY; else the file `key` in a local data folder)."
    ),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name to find it by.")]
PriorityOption = Annotated[
    int, typer.Option(min=0, max=9, help="Among your own waiting jobs: 0 first, 9 last.")
]
DeviceOption = Annotated[Device, typer.Option(help="The kind of worker that the job needs.")]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY:VALUE", help="Label to find it by; repeat for several."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class ExitCode(IntEnum):
    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CANNOT_CONNECT = 3
    REFUSED = 4
    JOB_FAILED = 5
    JOB_CANCELLED = 6
    BUDGET_NOT_KEPT = 7
    INTERRUPTED = 130


class PoliteGroup(TyperGroup):
    """Turns every exception of a command into a message and one of the documented exit codes."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        _as_json.set("--json" in args)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # The reader, such as head, has all that it wants. Python flushes once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None
        except ConnectionFailed as error:
            raise explain(error, ExitCode.CANNOT_CONNECT) from None
        except Refused as error:
            raise explain(error, ExitCode.REFUSED) from None
        except ClientError as error:
            raise explain(error, ExitCode.UNEXPECTED) from None
        except (KeyboardInterrupt, typer.Abort):
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except ValidationError as error:
            raise explain(_bad_value(error), ExitCode.USAGE) from None
        except typer.Exit:
            raise
        except Exception as error:
            if hasattr(error, "exit_code"):  # a usage error, which says by itself what is wrong
                if _as_json.get():
                    wrong = ClientError("usage", _message(error), "--help lists what is allowed.")
                    raise explain(wrong, ExitCode.USAGE) from None
                raise
            raise explain(
                ClientError("unexpected", f"{type(error).__name__}: {error}"), ExitCode.UNEXPECTED
            ) from None


def command_line(help: str) -> typer.Typer:
    """An empty command line whose commands end with a message and a documented exit code."""
    return typer.Typer(
        cls=PoliteGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help=help,
    )


def connect(url: str | None, key: str | None) -> Client:
    """A client by the options, else by the environment, else by a local data folder."""
    given = {name: value for name, value in {"url": url, "key": key}.items() if value is not None}
    settings = ClientSettings(**given)  # type: ignore[arg-type]
    return Client(settings.url, settings.bearer, attempts=ATTEMPTS)


def explain(error: ClientError, code: ExitCode) -> typer.Exit:
    """Print code, message and hint, as JSON after ``--json``; the exception to raise."""
    if _as_json.get():
        fields = {"code": error.code, "message": error.message, "hint": error.hint}
        typer.echo(json.dumps({"error": fields}), err=True)
        return typer.Exit(code)
    say = Console(stderr=True, soft_wrap=True, highlight=False)
    say.print(f"error: {error.code}: {error.message}", style="red", markup=False)
    if error.hint:
        say.print(f"hint: {error.hint}", markup=False)
    return typer.Exit(code)


def emit(value: BaseModel | dict[str, Any] | Iterable[BaseModel]) -> None:
    """JSON on stdout, and nothing else there."""
    plain: Any = value
    if isinstance(value, BaseModel):
        plain = value.model_dump(mode="json")
    elif not isinstance(value, dict):
        plain = [each.model_dump(mode="json") for each in value]
    typer.echo(json.dumps(plain, indent=2))


def show_table(columns: list[str], rows: Iterable[Iterable[Any]], title: str | None = None) -> None:
    """Print a table as wide as its cells."""
    table = Table(*columns, title=title, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row))
    Console(soft_wrap=True, width=WIDEST).print(table)


def show_fields(record: BaseModel, *left_out: str) -> None:
    """Print one record, a line per field."""
    console = Console(soft_wrap=True, highlight=False)
    for name, value in record.model_dump(mode="json", exclude=set(left_out)).items():
        text = str(value)
        if value is None:
            text = "-"
        elif isinstance(value, dict | list):
            text = json.dumps(value, indent=2)
        console.print(f"{name + ':':<18} {text}", markup=False)


def label_options(words: list[str] | None) -> dict[str, str]:
    """What ``--label`` gives; a usage error in another form than KEY:VALUE."""
    try:
        return labels_of(words or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--label") from None


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _message(error: Exception) -> str:
    """Of a usage error: without the line that shows how the command is used."""
    describe = getattr(error, "format_message", None)
    return describe() if describe else str(error)


def _bad_value(error: ValidationError) -> ClientError:
    places = []
    for each in error.errors():
        place, problem = ".".join(map(str, each["loc"])), each["msg"]
        places.append(": ".join(filter(None, (place, problem.removeprefix("Value error, ")))))
    return ClientError("malformed", "; ".join(places), "--help lists what is allowed.")
