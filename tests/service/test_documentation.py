"""docs/api.md names every endpoint, every field of a spec, every error code and every exit code."""

import re
from pathlib import Path

from learn2compress.cli.console import ExitCode
from service.app import create_app
from service.contract.errors import Learn2CompressError
from service.contract.job import JobSpec, VariantBudget
from service.contract.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def every(error: type[Learn2CompressError]) -> list[type[Learn2CompressError]]:
    return [error, *(leaf for child in error.__subclasses__() for leaf in every(child))]


def test_every_endpoint_is_documented_and_nothing_else_is() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    table = PAGE.split("## Endpoints")[1].split("## A walk")[0]
    assert set(re.findall(r"`([A-Z]+ /[^?`]*)", table)) == served


def test_every_field_of_a_spec_is_documented_with_its_values() -> None:
    for table, schema in (("| Field of `spec`", JobSpec), ("| Budget |", VariantBudget)):
        rows = dict(
            re.findall(
                r"^\| `(\w+)` \| (.*?) \|", PAGE.split(table)[1].split("\n\n")[0], re.MULTILINE
            )
        )
        assert set(rows) == set(schema.model_fields) - {"name"}
        for field, values in rows.items():
            annotation = str(schema.model_fields[field].annotation)
            named = re.findall(r"'(\w+)'", annotation) if "Literal" in annotation else []
            assert re.findall(r"`(\w+)`", values) == named


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE))
    assert rows == {error.code: str(error.status) for error in every(Learn2CompressError)}


def test_every_exit_code_is_documented() -> None:
    table = PAGE.split("## The command line's exit codes")[1]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == set(ExitCode)
