"""What tests of backups do, and see."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from httpx import Client
from typer.testing import CliRunner, Result

from learn2compress.cli import app
from service.contract.settings import Settings
from tests.service import stand_in


def admin(settings: Settings, *arguments: Any) -> Result:
    words = ["admin", *map(str, arguments)]
    return CliRunner().invoke(app, words, env=settings.environment())


def command(*arguments: Any) -> list[str]:
    """``admin`` in a process of its own, which can be killed."""
    return [sys.executable, "-m", "learn2compress", "admin", *map(str, arguments)]


def done(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(result: Result, code: str, *words: str) -> None:
    assert result.exit_code == 4 and "Traceback" not in result.stderr
    error = json.loads(result.stderr)["error"]
    assert error["code"] == code
    for word in words:
        assert word in error["message"] + error["hint"]


def finished_job(client: Any, folder: Path) -> str:
    job: str = stand_in.submit(client, client.context)["id"]
    stand_in.succeed(client.context, job, folder)
    return job


def figures(client: Client) -> dict[str, str]:
    """The SHA-256 of each variant as the API tells it, by id."""
    return {each["id"]: each["sha256"] for each in client.get("/v1/variants").json()["items"]}


def check_downloads(client: Client, expected: dict[str, str]) -> None:
    assert figures(client) == expected and len(expected) == 3
    for variant, sha256 in expected.items():
        file = client.get(f"/v1/variants/{variant}/file", follow_redirects=True)
        assert hashlib.sha256(file.content).hexdigest() == sha256
