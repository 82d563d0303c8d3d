"""Rules for the whole code: who may import whom, sizes of files, what the docs must name."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app import create_app
from service.contract.client_settings import ClientSettings
from service.contract.settings import Settings

ROOT = Path(__file__).parents[1]
PRODUCT = ("learn2compress", "migrations", "service", "workers")
ALL_CODE = (*PRODUCT, "benchmarks", "examples", "tests")


def files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def test_the_import_rules_of_pyproject_hold() -> None:
    """Contracts name every module, so a new or renamed one breaks them until it is listed."""
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("package", PRODUCT)
def test_no_module_is_imported_by_a_computed_name(package: str) -> None:
    """The import rules see statements only."""
    computed = re.compile(r"\b(import_module|__import__)\(")
    assert [file.name for file in files(package) if computed.search(file.read_text())] == []


def test_the_engine_does_not_read_the_environment() -> None:
    reads = re.compile(r"\bos\.(environ|getenv|environb)\b|from os import .*\b(environ|getenv)")
    engine = files("workers/compression")
    assert [str(file.relative_to(ROOT)) for file in engine if reads.search(file.read_text())] == []


@pytest.mark.parametrize("folder", ALL_CODE)
def test_a_module_is_named_for_what_it_is(folder: str) -> None:
    vague = {"models", "utils", "util", "common", "core", "helpers"}
    named = [file for file in files(folder) if {file.stem, file.parent.name} & vague]
    assert [str(file.relative_to(ROOT)) for file in named] == []


@pytest.mark.parametrize("folder", ALL_CODE)
def test_a_file_is_read_in_one_sitting(folder: str) -> None:
    lengths = {str(file): len(file.read_text().splitlines()) for file in files(folder)}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def documentation() -> str:
    return "\n".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))


def test_every_setting_is_documented() -> None:
    documented = documentation()
    fields = {*Settings.model_fields, *ClientSettings.model_fields}
    names = {f"L2C_{name.upper()}" for name in fields}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", documented)) == []


def test_every_error_code_is_documented() -> None:
    from service.contract import errors

    found = vars(errors).values()
    leaves = [
        each
        for each in found
        if isinstance(each, type) and issubclass(each, errors.Learn2CompressError)
    ]
    documented = documentation()
    assert sorted(leaf.code for leaf in leaves if f"`{leaf.code}`" not in documented) == []


def test_every_reason_to_refuse_a_job_is_documented() -> None:
    documented = documentation()
    codes = {
        code
        for file in (ROOT / "workers").rglob("*.py")
        for code in _refusals(ast.parse(file.read_text()))
    }
    assert len(codes) > 20
    assert sorted(code for code in codes if f"`{code}`" not in documented) == []


def _refusals(tree: ast.AST) -> Iterator[str]:
    """The codes of every CompressionError(code, ...) and JobError(code=...)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            said = {
                "CompressionError": node.args[:1],
                "JobError": [k.value for k in node.keywords if k.arg == "code"],
            }
            for value in said.get(node.func.id, []):
                if isinstance(value, ast.Constant):
                    yield str(value.value)


def test_every_endpoint_is_documented(tmp_path: Path) -> None:
    documented = documentation()
    paths = create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    missing = [f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs]
    assert [endpoint for endpoint in missing if endpoint not in documented] == []
