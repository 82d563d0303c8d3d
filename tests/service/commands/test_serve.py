"""``l2c serve`` as a process: first start, restart of its worker loop, and its end."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from learn2compress.client import Client
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
SERVE = ["-c", "from learn2compress.cli import app; app()", "serve", "--port", "0", "--data"]


@contextmanager
def served(data: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its URL and its key."""
    command = [sys.executable, *SERVE, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            process.stdout.readline()
            key = (data / "key").read_text().strip()
            yield process, url, key
        finally:
            process.terminate()


def loop_of(process: subprocess.Popen[str]) -> int | None:
    """The pid of the worker loop that lives below the process."""
    lists = [file.read_text() for file in Path(f"/proc/{process.pid}/task").glob("*/children")]
    children = [int(child) for each in lists for child in each.split()]
    return next((child for child in children if b"workers.loop" in _about(child, "cmdline")), None)


def handles_signals(pid: int) -> bool:
    caught = re.search(rb"SigCgt:\s*(\w+)", _about(pid, "status"))
    return caught is not None and bool(int(caught[1], 16) & 1 << (signal.SIGTERM - 1))


def gone(pid: int) -> bool:
    return b"State:\tZ" in (about := _about(pid, "status")) or not about


def _about(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.parametrize("last_signal", [signal.SIGINT, signal.SIGTERM])
def test_the_first_start_makes_a_key_and_the_end_is_clean(
    tmp_path: Path, last_signal: signal.Signals
) -> None:
    with served(tmp_path / "data") as (process, url, key):
        with Client(url, key) as client:
            assert client.get_health().status == "ok"
            assert [each.name for each in client.list_keys()] == ["first key"]
        file = tmp_path / "data" / "key"
        assert file.read_text().strip() == key
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        loop = eventually(lambda: loop_of(process))
        process.send_signal(last_signal)
        assert process.wait(20) == 0
        assert gone(loop)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_lost_or_revoked_key_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path / "data") as (_, _, first):
        pass
    (tmp_path / "data" / "key").unlink()
    with served(tmp_path / "data") as (_, url, third), Client(url, third) as client:
        assert third != first and len(list(client.list_keys())) == 2
        for each in reversed(list(client.list_keys())):
            client.delete_key(each.id)
    with served(tmp_path / "data") as (_, url, fourth), Client(url, fourth) as client:
        assert len(list(client.list_keys())) == 1


def test_a_worker_loop_that_dies_is_started_again_and_none_survives_a_kill(tmp_path: Path) -> None:
    with served(tmp_path / "data") as (process, _, _):
        first = eventually(lambda: loop_of(process))
        os.kill(first, signal.SIGKILL)
        second = eventually(lambda: (loop := loop_of(process)) != first and loop)
        eventually(lambda: handles_signals(second))
        process.kill()
        process.wait()
        eventually(lambda: gone(second))


def test_where_the_worker_loop_cannot_run_it_ends_and_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "tests/without_landlock.py", *SERVE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "This machine lacks Landlock" in done.stderr and "Traceback" not in done.stderr


def test_an_address_in_use_is_an_error_without_a_trace(tmp_path: Path) -> None:
    with served(tmp_path / "one") as (_, url, _):
        command = [
            sys.executable,
            "-c",
            "from learn2compress.cli import app; app()",
            "serve",
            "--data",
            str(tmp_path / "two"),
        ]
        again = subprocess.run(
            [*command, "--port", url.rsplit(":", 1)[1]], capture_output=True, text=True, timeout=40
        )
    assert again.returncode == 1
    assert "address_unusable" in again.stderr and "--port 0" in again.stderr
    assert "Address already in use" in again.stderr and "Traceback" not in again.stderr


def test_every_line_of_the_log_is_json_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2C_LOG_FORMAT", "json")
    command = [sys.executable, *SERVE, str(tmp_path / "data")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        answer = httpx.get(f"{url}/v1/jobs")
        loop = eventually(lambda: loop_of(process))
        eventually(lambda: handles_signals(loop))
        process.terminate()
        lines = [json.loads(line) for line in process.communicate()[1].splitlines()]
    [access] = [line for line in lines if line["logger"] == "service.access"]
    assert access["request_id"] == answer.headers["X-Request-ID"] and access["status"] == 401
    assert {line["process"] for line in lines} == {"api", "worker"}


def test_the_key_is_printed_only_when_it_is_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = _second_line(data)
    key = (data / "key").read_text().strip()
    assert first.startswith(f"key: {key} ")
    assert _second_line(data) == f"key: in {data / 'key'}"


def _second_line(data: Path) -> str:
    command = [sys.executable, *SERVE, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        line = process.stdout.readline().strip()
        process.terminate()
    return line


def test_nobody_else_may_read_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "store").mkdir(parents=True)
    (data / "l2c.sqlite").touch(0o644)
    with served(data) as (_, url, key), Client(url, key) as client:
        (tmp_path / "teacher.keras").write_bytes(b"x" * 100)
        client.upload_file(tmp_path / "teacher.keras")
        for path in (data, *data.rglob("*")):
            assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
