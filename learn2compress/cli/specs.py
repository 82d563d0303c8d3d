"""The options that make a JobSpec."""

from typing import Annotated, Any, Literal, get_args

import typer

from learn2compress.cli import budgets
from service.contract import job
from service.contract.job import JobSpec

Effort = Annotated[
    Literal["draft", "standard", "thorough"], typer.Option(help="How long to train.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="Of the split, the weights and the batches.")
]
InputScaling = Annotated[
    job.InputScaling | None, typer.Option(help="What the teacher expects; found out when left out.")
]
TeacherOutput = Annotated[
    job.TeacherOutput | None,
    typer.Option(help="What the teacher returns; found out when left out."),
]
ClassNames = Annotated[
    list[str] | None,
    typer.Option(
        "--class-name", help="Folder name of the next output of the teacher; repeat for each."
    ),
]
Family = Annotated[
    job.Family,
    typer.Option(
        help="What students are built of; teacher: its own layers, with channels removed."
    ),
]
Teacher = Annotated[
    job.TeacherTraining, typer.Option(help="joint: train it along with its students.")
]
Sparsity = Annotated[
    float,
    typer.Option(
        min=0,
        max=0.95,
        help="Share of weights that pruning sets to zero: smaller when compressed, not faster.",
    ),
]
Quantizations = Annotated[
    list[str] | None,  # typer takes no list of Literals; JobSpec looks at them
    typer.Option(
        "--quantization",
        metavar=f"<{'|'.join(get_args(job.Quantization))}>",
        help="A file to make of each student; repeat for several. int8 when left out.",
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant",
        metavar=budgets.FORM,
        help=f"A student to make, e.g. {budgets.EXAMPLE} (of {', '.join(budgets.UNITS)}; several with commas; units "
        "like 300KB, 15M, 2.5ms, 88%); repeat for several. Three sizes when left out.",
    ),
]


def spec(variants: list[str] | None, **given: Any) -> JobSpec:
    """What the options ask for; None and no value mean the default. Raises pydantic's
    ValidationError.
    """
    asked = {**given, "variants": [budgets.parse(variant) for variant in variants or ()]}
    return JobSpec.model_validate(
        {name: value for name, value in asked.items() if value not in (None, [])}
    )
