"""A field of the job spec has an option, which keeps its default, and stands in the recipe."""

import dataclasses
import inspect
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from learn2compress import budgets
from learn2compress.job_options import OPTIONS, with_spec_options
from service.contract.job import BUDGETS, JobSpec
from workers import local
from workers.compression.recipe import Recipe

FOUND_OUT = {"input_scaling", "input_size", "teacher_output", "class_names", "license"}
"""Fields that describe the input or the files; the others decide the training."""


def spec_of(*options: str) -> JobSpec:
    """What a command with these options gets."""
    received: list[JobSpec] = []
    app = typer.Typer()

    @app.command()
    @with_spec_options
    def command(spec: JobSpec) -> None:
        received.append(spec)

    result = CliRunner().invoke(app, list(options), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return received[0]


def test_every_field_of_a_spec_has_an_option() -> None:
    assert set(OPTIONS) == set(JobSpec.model_fields)
    assert set(budgets.UNITS) == set(BUDGETS)


def test_without_options_the_spec_is_the_default_one() -> None:
    assert spec_of() == JobSpec()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--effort draft --seed 7", {"effort": "draft", "seed": 7}),
        ("--class-name dog --class-name cat", {"class_names": ("dog", "cat")}),
        ("--quantization int8 --quantization int4", {"quantizations": ("int8", "int4")}),
        ("--family pruned --teacher-training joint", {"teacher_training": "joint"}),
    ],
)
def test_options_reach_the_spec(options: str, expected: dict[str, Any]) -> None:
    spec = spec_of(*options.split())
    assert {name: getattr(spec, name) for name in expected} == expected


def test_every_command_that_takes_a_spec_has_the_same_options() -> None:
    from learn2compress.cli import compress, jobs

    for command in (compress.compress, jobs.submit, local.compress):
        parameters = inspect.signature(command).parameters
        assert set(OPTIONS) <= set(parameters) and "spec" not in parameters


def test_every_field_that_decides_a_training_stands_in_the_recipe() -> None:
    recipe = {field.name for field in dataclasses.fields(Recipe)}
    planned = {"variants"}  # their sizes stand in the report's rows
    assert set(JobSpec.model_fields) - FOUND_OUT - planned <= recipe
