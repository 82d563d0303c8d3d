"""The options that make a JobSpec."""

from typing import Annotated, Literal

import typer

from service.contract.job import InputScaling as Scaling
from service.contract.job import JobSpec
from service.contract.job import TeacherOutput as Output

Effort = Annotated[Literal["draft", "standard", "thorough"], typer.Option(help="How long to train.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the split, the weights and the batches.")]
InputScaling = Annotated[Scaling | None, typer.Option(help="What the teacher expects; found out when left out.")]
TeacherOutput = Annotated[Output | None, typer.Option(help="What the teacher returns; found out when left out.")]
ClassNames = Annotated[
    list[str] | None,
    typer.Option("--class-name", help="Folder name of the next output of the teacher; repeat for each."),
]


def spec(
    effort: str, seed: int, input_scaling: str | None, teacher_output: str | None, class_names: list[str] | None
) -> JobSpec:
    """Raises pydantic's ValidationError."""
    given = {"effort": effort, "seed": seed, "input_scaling": input_scaling, "teacher_output": teacher_output}
    return JobSpec.model_validate({**given, "class_names": class_names or None})
