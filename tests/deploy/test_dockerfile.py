"""Each target of the Dockerfile copies and installs what its command imports, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import dockerfile
from tests.deploy.deployment import ROOT

SERVICE = ("learn2compress.cli", "service.app", "service.serving", "migrations")
WORKER = ("learn2compress.cli", "workers.tasks", "workers.loop", "workers.compression.pipeline")


def imported(target: str, folder: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    """A process that sees the target's files and the packages of its extras."""
    dockerfile.copy_files(target, folder)
    extras = ",".join(sorted(dockerfile.extras(target)))
    script = str(ROOT / "tests/deploy/only_installed.py")
    command = [sys.executable, "-I", script, str(folder), extras]
    return subprocess.run([*command, *modules], capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(("target", "modules"), [("service", SERVICE), ("worker", WORKER)])
def test_a_target_has_what_it_imports(
    target: str, modules: tuple[str, ...], tmp_path: Path
) -> None:
    done = imported(target, tmp_path, *modules)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("service", "tensorflow"),
        ("service", "numpy"),
        ("service", "workers.compression"),
        ("worker", "fastapi"),
        ("worker", "migrations"),
    ],
)
def test_a_target_has_nothing_else(target: str, module: str, tmp_path: Path) -> None:
    done = imported(target, tmp_path, module)
    assert "ModuleNotFoundError" in done.stderr and module in done.stderr


def test_only_the_worker_runs_as_root() -> None:
    users = {
        target: [each.rest for each in dockerfile.instructions(target) if each.keyword == "USER"]
        for target in ("service", "worker")
    }
    assert users == {"service": ["l2c"], "worker": []}
