"""A backup that is restored elsewhere serves the same; in each mode, and from one to the other."""

import hashlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Client

from service.contract.storage import open_store
from tests.service.backup.conftest import EMBEDDED, PRODUCTION, Place
from tests.service.backup.steps import (
    admin,
    check_downloads,
    command,
    done,
    figures,
    finished_job,
    refused,
)
from tests.service.client_of import serving
from tests.waiting import eventually


@pytest.fixture
def backup(place: Place, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str], str]]:
    """A backup of an embedded service with one finished job; its hashes, and its key."""
    settings, folder = place(EMBEDDED), tmp_path / "backup"
    with serving(settings) as client:
        finished_job(client, tmp_path)
        done(admin(settings, "backup", folder, "--json"))
        yield folder, figures(client), client.headers["Authorization"]


@pytest.mark.parametrize("target_mode", [EMBEDDED, PRODUCTION])
@pytest.mark.parametrize("source_mode", [EMBEDDED, PRODUCTION])
def test_everything_is_there_after_a_restore(
    place: Place, tmp_path: Path, source_mode: str, target_mode: str
) -> None:
    source, target, folder = place(source_mode), place(target_mode), tmp_path / "backup"
    with serving(source) as client:
        job, authorization = finished_job(client, tmp_path), client.headers["Authorization"]
        told = {path: client.get(path).json() for path in (f"/v1/jobs/{job}", "/v1/audit")}
        expected, events = figures(client), stand_in_events(client, job)
        made = done(admin(source, "backup", folder, "--json"))
    assert made["tables"]["variants"] == 3 and made["objects"] == 7 and made["lost"] == []
    assert folder.stat().st_mode & 0o077 == 0
    assert done(admin(target, "restore", folder, "--json")) == made
    with serving(target) as client:
        client.headers["Authorization"] = authorization
        check_downloads(client, expected)
        assert {path: client.get(path).json() for path in told} == told
        assert stand_in_events(client, job) == events
        assert client.get(f"/v1/jobs/{job}/plot").content == b"a plot as png"
        # Further rows get numbers after those that were restored.
        check_downloads_of_another_job(client, tmp_path)
    refused(admin(target, "restore", folder, "--json"), "conflict", "not empty")


def stand_in_events(client: Client, job: str) -> str:
    return client.get(f"/v1/jobs/{job}/events").text


def check_downloads_of_another_job(client: Client, folder: Path) -> None:
    finished_job(client, folder)
    assert len(figures(client)) == 6


@pytest.mark.parametrize("mode", [EMBEDDED, PRODUCTION])
def test_a_backup_while_jobs_run_and_are_deleted_is_complete(
    place: Place, tmp_path: Path, mode: str
) -> None:
    source, target, over = place(mode), place(EMBEDDED), threading.Event()

    def come_and_go(client: Any) -> None:
        while not over.is_set():
            job = finished_job(client, tmp_path)
            if first != job:
                assert client.delete(f"/v1/jobs/{job}").status_code == 204

    with serving(source) as client:
        first = finished_job(client, tmp_path)
        thread = threading.Thread(target=come_and_go, args=[client])
        thread.start()
        made = done(admin(source, "backup", tmp_path / "backup", "--json"))
        over.set()
        thread.join()
        authorization = client.headers["Authorization"]
    assert made["lost"] == []
    done(admin(target, "restore", tmp_path / "backup", "--json"))
    with serving(target) as client:
        client.headers["Authorization"] = authorization
        restored = client.get("/v1/variants", params={"limit": 200}).json()["items"]
        assert len(restored) >= 3
        for each in restored:
            content = client.get(f"/v1/variants/{each['id']}/file").content
            assert hashlib.sha256(content).hexdigest() == each["sha256"]


@pytest.mark.parametrize("mode", [EMBEDDED, PRODUCTION])
def test_a_killed_restore_is_continued(
    place: Place, tmp_path: Path, mode: str, backup: tuple[Path, dict[str, str], str]
) -> None:
    folder, expected, authorization = backup
    target = place(mode)
    # It stops at a named pipe, with some of the objects restored.
    last = sorted((folder / "objects").rglob("*.tflite"))[-1]
    content = last.read_bytes()
    last.unlink()
    subprocess.run(["mkfifo", last], check=True)
    process = subprocess.Popen(command("restore", folder), env=target.environment())
    key = str(sorted((folder / "objects").rglob("0*"))[0].relative_to(folder / "objects"))
    eventually(lambda: open_store(target).size(key), 60, (FileNotFoundError,))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    last.unlink()
    last.write_bytes(content)
    done(admin(target, "restore", folder, "--json"))
    with serving(target) as client:
        client.headers["Authorization"] = authorization
        check_downloads(client, expected)


@pytest.mark.parametrize(
    "file", ["manifest.json", "tables/jobs.jsonl", "objects/*/*/*/large.tflite"]
)
def test_a_damaged_backup_is_refused(
    place: Place, backup: tuple[Path, dict[str, str], str], file: str
) -> None:
    folder, target = backup[0], place(EMBEDDED)
    damaged = next(folder.glob(file))
    content = bytearray(damaged.read_bytes())
    content[-2] ^= 1
    damaged.write_bytes(content)
    refused(admin(target, "restore", folder, "--json"), "malformed", damaged.name, "damaged")
    damaged.unlink()
    refused(admin(target, "restore", folder, "--json"), "malformed", damaged.name)
    with serving(target) as client:
        assert figures(client) == {}


def test_a_lost_file_is_told_and_the_rest_is_backed_up(place: Place, tmp_path: Path) -> None:
    source, target, folder = place(EMBEDDED), place(EMBEDDED), tmp_path / "backup"
    with serving(source) as client:
        job = finished_job(client, tmp_path)
        lost = next((source.data_dir / "store").rglob("large.tflite"))
        lost.write_bytes(b"something else")
        result = admin(source, "backup", folder, "--json")
    assert result.exit_code == 1 and "files_lost" in result.stderr
    assert json.loads(result.stdout)["lost"] == [f"jobs/{job}/attempt-1/large.tflite"]
    refused(admin(source, "backup", folder, "--json"), "conflict", str(folder))
    assert admin(target, "restore", folder).exit_code == 1
    assert len(list((target.data_dir / "store").rglob("*.tflite"))) == 2
