"""Runs commands in this process against a real service."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from learn2compress.cli import app


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name in ("net.keras", "photos.zip"):
        (tmp_path / name).write_bytes(random.Random(name).randbytes(200_000))
    return [str(tmp_path / "net.keras"), str(tmp_path / "photos.zip")]


@pytest.fixture
def l2c(live: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command; ``l2c.env`` is what makes it talk to the service."""
    environment = {
        "L2C_URL": str(live.base_url),
        "L2C_KEY": live.headers["Authorization"].removeprefix("Bearer "),
        "L2C_CACHE_DIR": str(tmp_path / "cache"),
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def ok(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result, exit_code: int, *words: str) -> None:
    assert result.exit_code == exit_code, result.output
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.output
