"""What tests of backups do, and see."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from httpx import Client

from service.contract.settings import Settings
from tests.service import stand_in


def admin(settings: Settings, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=settings.environment(), capture_output=True, text=True, timeout=100
    )


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "learn2compress", "admin", *map(str, arguments)]


def done(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refused(result: subprocess.CompletedProcess[str], code: str, *words: str) -> None:
    assert result.returncode == 4 and "Traceback" not in result.stderr
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
