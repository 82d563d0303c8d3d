"""The options of a job spec, the same for every command that takes one.

    @with_spec_options
    def compress(model: Path, spec: JobSpec) -> None: ...

A new field of JobSpec gets its option here; a test fails where it is forgotten.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer

from learn2compress import budgets
from service.contract import job
from service.contract.job import JobSpec


def _described(field: str) -> str | None:
    return JobSpec.model_fields[field].description


# typer takes no list of Literals: JobSpec checks the words of quantizations itself.
OPTIONS: dict[str, Any] = {
    "effort": Annotated[job.Effort, typer.Option(help=_described("effort"))],
    "max_minutes": Annotated[float | None, typer.Option(min=0.5, help=_described("max_minutes"))],
    "seed": Annotated[int, typer.Option(min=0, max=2**31 - 1, help=_described("seed"))],
    "input_scaling": Annotated[
        job.InputScaling | None, typer.Option(help=_described("input_scaling"))
    ],
    "input_size": Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="HEIGHT WIDTH", help=_described("input_size")),
    ],
    "teacher_output": Annotated[
        job.TeacherOutput | None, typer.Option(help=_described("teacher_output"))
    ],
    "class_names": Annotated[
        list[str] | None,
        typer.Option(
            "--class-name",
            help="Folder name of the teacher's next output; repeat for each. Sorted folder names "
            "when left out.",
        ),
    ],
    "family": Annotated[job.Family, typer.Option(help=_described("family"))],
    "teacher_training": Annotated[
        job.TeacherTraining, typer.Option(help=_described("teacher_training"))
    ],
    "sparsity": Annotated[float, typer.Option(min=0, max=0.95, help=_described("sparsity"))],
    "keep_grey": Annotated[bool, typer.Option("--keep-grey", help=_described("keep_grey"))],
    "license": Annotated[str | None, typer.Option(help=_described("license"))],
    "quantizations": Annotated[
        list[str] | None,
        typer.Option(
            "--quantization",
            metavar=f"<{'|'.join(get_args(job.Quantization))}>",
            help="A file to make of each student; repeat for several. int8 when left out.",
        ),
    ],
    "variants": Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar=budgets.FORM,
            help=f"A student to make, e.g. {budgets.EXAMPLE} (of {', '.join(budgets.UNITS)}; "
            "several with commas; units like 300KB, 15M, 2.5ms, 88%); repeat for several. Three "
            "sizes when left out.",
        ),
    ],
}


def with_spec_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter ``spec`` of a typer command by one option for each field of JobSpec."""
    signature = inspect.signature(command)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name == "spec":
            parameters += map(_option, OPTIONS)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in OPTIONS}
        command(spec=_spec(given), **arguments)

    signature = signature.replace(parameters=parameters)
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    annotations = {parameter.name: parameter.annotation for parameter in parameters}
    with_options.__annotations__ = {**annotations, "return": None}
    return with_options


def _option(name: str) -> inspect.Parameter:
    default = JobSpec.model_fields[name].default
    if isinstance(default, tuple):  # typer passes None for a repeatable option not given
        default = None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=OPTIONS[name]
    )


def _spec(given: dict[str, Any]) -> JobSpec:
    """The spec of these options. Raises pydantic's ValidationError."""
    given["variants"] = [budgets.parse(variant) for variant in given["variants"] or ()]
    stated = {name: value for name, value in given.items() if value not in (None, [])}
    return JobSpec.model_validate(stated)
