"""A compression over HTTP from upload to download."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from service.contract.settings import Settings
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
SERVE = ["-c", "from learn2compress.cli import app; app(['serve'])"]

NOT_YET = (httpx.TransportError, FileNotFoundError)


@contextmanager
def process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process; its whole process group ends with the block."""
    running = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=settings.environment(), start_new_session=True
    )
    try:
        yield running
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextmanager
def client(settings: Settings) -> Iterator[httpx.Client]:
    """Opened with the key that the service writes at its first start, once the service answers."""
    key = eventually(lambda: (settings.data_dir / "key").read_text().strip(), 60, NOT_YET)
    address = f"http://{settings.host}:{settings.port}"
    with httpx.Client(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as api:
        eventually(lambda: api.get("/readyz").is_success, 60, NOT_YET)
        yield api


def wait_until_settled(
    api: httpx.Client, path: str, unsettled: tuple[str, ...], seconds: float
) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(path).raise_for_status().json()
        return None if found["state"] in unsettled else found

    found: dict[str, Any] = eventually(look, seconds, NOT_YET)
    return found


def upload(api: httpx.Client, noun: str, file: Path) -> str:
    answer = api.post(
        f"/v1/{noun}s/upload", params={"filename": file.name}, content=file.read_bytes()
    )
    found = wait_until_settled(
        api, answer.raise_for_status().headers["Location"], ("validating",), 300
    )
    assert found["state"] == "ready", found
    record_id: str = found["id"]
    return record_id


def compress(api: httpx.Client, example: Path) -> dict[str, Any]:
    wanted = {
        "model_id": upload(api, "model", example / "teacher.keras"),
        "dataset_id": upload(api, "dataset", example / "data.zip"),
    }
    answer = api.post("/v1/jobs", json={**wanted, "spec": {"effort": "draft"}}).raise_for_status()
    return wait_until_settled(api, answer.headers["Location"], ("queued", "running"), 600)


def check(api: httpx.Client, job: dict[str, Any]) -> None:
    """Every file has the size and the hash of its row; small < large < teacher in bytes."""
    assert job["state"] == "succeeded", job
    variants = {variant["name"]: variant for variant in job["variants"]}
    assert set(variants) - {"teacher-int8"} == {"large", "medium", "small"}
    for variant in variants.values():
        content = api.get(f"/v1/variants/{variant['id']}/file").raise_for_status().content
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (
            variant["sha256"],
            variant["bytes"],
        )
        assert content[4:8] == b"TFL3"
    assert variants["small"]["bytes"] < variants["large"]["bytes"] < job["baseline"]["bytes"]
    assert job["baseline"]["top1"] > 0.8
