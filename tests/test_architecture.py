"""The rules of the house, read from the source: who may import whom, and what the documentation must name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING_STAGES = (
    "networks",
    "training",
    "pruning",
    "quantization",
    "transfer",
    "layers",
    "families",
    "joint_training",
)
STORIES = ("pipeline", "joint_training")
STAGES = frozenset(
    (
        "teacher",
        "data",
        "soft_targets",
        "input_contract",
        "teacher_graph",
        "students",
        "networks",
        "training",
        "transfer",
        "pruning",
        "quantization",
        "export",
        "quantized_teacher",
        "evaluation",
        "metadata",
        "selection",
    )
)
"""What the stories tell one after another; values, recipe, families, layers and sizes are what they all speak of."""


def imports(file: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it, by a statement or a literal name; relative ones absolute."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*start, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(value.value) for value in node.args if isinstance(value, ast.Constant))


def offenders(where: str, *forbidden: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """``file imports module`` for each import below ``where`` of something forbidden and not allowed."""
    files = sorted((ROOT / where).rglob("*.py")) if (ROOT / where).is_dir() else [ROOT / where]
    return [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files
        for module in imports(file)
        if within(module, forbidden) and not within(module, allowed)
    ]


def within(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def modules(folder: str) -> set[str]:
    return {f"{folder.replace('/', '.')}.{path.stem}" for path in (ROOT / folder).iterdir() if path.stem != "__init__"}


def test_the_service_knows_no_worker_and_no_numerics() -> None:
    assert offenders("service", "workers", "tensorflow", "tf_keras", "keras", "numpy", "ai_edge_litert") == []


def test_workers_know_of_the_service_only_the_contract_and_never_fastapi() -> None:
    assert offenders("workers", "service", allowed=("service.contract",)) == []
    assert offenders("workers", "fastapi", "starlette", "uvicorn") == []


def test_the_contract_stands_alone() -> None:
    siblings = tuple(modules("service") - {"service.contract"})
    assert offenders("service/contract", "fastapi", "starlette", "celery", "workers", *siblings) == []


def test_the_job_contract_needs_pydantic_only() -> None:
    given = {"pydantic", "enum", "typing"}
    assert [module for module in imports(ROOT / "service/contract/job.py") if module.split(".")[0] not in given] == []


def test_the_engine_knows_no_queue_no_database_and_no_service() -> None:
    assert offenders("workers/compression", "celery", "kombu", "redis", "sqlalchemy", "boto3", "service") == []
    assert offenders("workers/compression", *(modules("workers") - {"workers.compression"})) == []


def test_the_engine_does_not_read_the_environment() -> None:
    reads = re.compile(r"\bos\.(environ|getenv|environb)\b|from os import .*\b(environ|getenv)")
    files = sorted((ROOT / "workers/compression").rglob("*.py"))
    assert [str(file.relative_to(ROOT)) for file in files if reads.search(file.read_text())] == []


@pytest.mark.parametrize("stage", TRAINING_STAGES)
def test_what_trains_could_do_so_on_another_backend(stage: str) -> None:
    file = f"workers/compression/{stage}.py"
    if not (ROOT / file).exists():
        pytest.skip(f"{file} does not exist")
    assert offenders(file, "tensorflow", "tf_keras") == []


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stages_do_not_import_one_another(stage: str) -> None:
    file = f"workers/compression/{stage}.py"
    if not (ROOT / file).exists():
        pytest.skip(f"{file} does not exist")
    assert offenders(file, *(f"workers.compression.{other}" for other in (*STAGES - {stage}, *STORIES))) == []


@pytest.mark.parametrize("folder", ["service", "workers", "migrations", "benchmarks", "examples"])
def test_a_module_is_named_for_what_it_is(folder: str) -> None:
    names = {"models", "utils", "util", "common", "core", "helpers"}
    # service/api/models.py is the resource /v1/models
    files = [file for file in (ROOT / folder).rglob("*.py") if file != ROOT / "service/api/models.py"]
    assert [str(file.relative_to(ROOT)) for file in files if {file.stem, file.parent.name} & names] == []


@pytest.mark.parametrize("folder", ["service", "workers", "migrations", "benchmarks", "examples", "tests"])
def test_a_file_is_read_in_one_sitting(folder: str) -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in (ROOT / folder).rglob("*.py")}
    assert [f"{file.relative_to(ROOT)}: {length} lines" for file, length in lengths.items() if length > 300] == []


def documentation() -> str:
    return "\n".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))


def test_every_setting_is_documented() -> None:
    from service.contract import settings

    documented = documentation()
    names = {f"L2C_{name.upper()}" for kind in _settings(settings) for name in kind.model_fields}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", documented)) == []


def _settings(module: object) -> list[type]:
    from pydantic_settings import BaseSettings

    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, BaseSettings)]
    return [kind for kind in found if kind is not BaseSettings]


def test_every_error_code_is_documented() -> None:
    from service.contract import errors

    found = vars(errors).values()
    leaves = [each for each in found if isinstance(each, type) and issubclass(each, errors.Learn2CompressError)]
    documented = documentation()
    assert sorted(leaf.code for leaf in leaves if f"`{leaf.code}`" not in documented) == []


def test_every_reason_to_refuse_a_job_is_documented() -> None:
    documented = documentation()
    codes = {code for file in (ROOT / "workers").rglob("*.py") for code in _refusals(ast.parse(file.read_text()))}
    assert len(codes) > 20
    assert sorted(code for code in codes if f"`{code}`" not in documented) == []


def _refusals(tree: ast.AST) -> Iterator[str]:
    """The codes of every CompressionError(code, ...) and JobError(code=...)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            said = {"CompressionError": node.args[:1], "JobError": [k.value for k in node.keywords if k.arg == "code"]}
            for value in said.get(node.func.id, []):
                if isinstance(value, ast.Constant):
                    yield value.value


def test_every_endpoint_is_documented(tmp_path: Path) -> None:
    app = pytest.importorskip("service.app")
    from service.contract.settings import Settings

    documented = documentation()
    paths = app.create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    missing = [f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs]
    assert [endpoint for endpoint in missing if endpoint not in documented] == []
