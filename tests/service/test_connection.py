"""What one connection may cost a real uvicorn: too much, too slowly or nothing at all."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import database_version
from service.contract.settings import MIB, Settings
from tests.service.client_of import serving
from tests.waiting import eventually

SOON = {
    "head_seconds": 1.0,
    "idle_seconds": 1.0,
    "body_bytes_per_second": 1000.0,
    "seconds_between_looks": 0.1,
}
HEAD = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"
BODY = b"POST /v1/jobs HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def impatient(embedded: Settings) -> Iterator[httpx.Client]:
    """A service that waits a second where production waits a minute."""
    with serving(embedded, 0, **SOON) as client:
        yield client


def connected(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), 10)


def answer_of(line: socket.socket) -> str:
    """All that comes back until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := line.recv(65536):
            received += data
    return received.decode()


def problem_of(answer: str) -> Any:
    return json.loads(answer.partition("\r\n\r\n")[2])


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(8000)) + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
    ],
    ids=["one header", "many headers", "path"],
)
def test_a_long_head_is_refused(live: Any, head: bytes) -> None:
    with connected(live) as line:
        line.sendall(head)
        answer = answer_of(line)
    assert answer.startswith("HTTP/1.1 431 ") and problem_of(answer)["code"] == "head_too_large"
    assert "x-content-type-options: nosniff" in answer.lower()


def test_heads_without_end_cost_no_memory(tmp_path: Path) -> None:
    with process(tmp_path) as (pid, port):
        before = resident_mib(pid)
        for start in (HEAD, BODY.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked")):
            with socket.create_connection(("127.0.0.1", port), 10) as line:
                sent = send_until_cut_off(line, start + b"0\r\nX-Long: ", 200 * MIB)
            assert sent < 20 * MIB
        assert resident_mib(pid) - before < 30


def test_heads_and_bodies_that_do_not_go_on_are_ended(impatient: httpx.Client) -> None:
    began = time.monotonic()
    starts = (b"", HEAD, BODY, BODY + b"{")
    lines = [connected(impatient) for _ in range(5) for _ in starts]
    for line, start in zip(lines, starts * 5, strict=True):
        line.sendall(start)
    answers = [answer_of(line) for line in lines]
    assert time.monotonic() - began < 6
    assert {answer.split(" ")[1] for answer in answers} == {"400", "408"}
    assert impatient.get("/healthz").status_code == 200


def test_a_head_that_drips_is_ended_and_a_body_that_drips_too(impatient: httpx.Client) -> None:
    for start, drop in ((HEAD, b"X-A: b\r\n"), (BODY, b"{")):
        began = time.monotonic()
        with connected(impatient) as line, contextlib.suppress(ConnectionError):
            line.sendall(start)
            while time.monotonic() - began < 15:
                line.sendall(drop)
                time.sleep(0.2)
        assert time.monotonic() - began < 8


@pytest.mark.parametrize("times", [1, 40])
def test_line_ends_after_an_answer_do_not_keep_a_connection(
    impatient: httpx.Client, times: int
) -> None:
    with connected(impatient) as line:
        line.sendall(HEAD + b"\r\n")
        eventually(lambda: b"\r\n\r\n" in line.recv(65536, socket.MSG_PEEK))
        time.sleep(0.2)  # until the whole answer has been sent
        began = time.monotonic()
        line.settimeout(10)
        with contextlib.suppress(ConnectionError):
            for _ in range(times):
                line.sendall(b"\r\n")
                time.sleep(0.2)
        answer = answer_of(line)
    assert time.monotonic() - began < 9
    assert answer.startswith("HTTP/1.1 200 ") and "HTTP/1.1 408 " in answer


def test_a_slow_body_that_moves_is_received(impatient: httpx.Client) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(2000)
            time.sleep(0.4)

    made = impatient.post("/v1/models/upload?filename=slow.keras", content=slowly())
    assert made.status_code == 201 and made.json()["bytes"] == 16_000


def test_a_client_that_does_not_read_its_answer_is_cut_off(impatient: httpx.Client) -> None:
    with connected(impatient) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            for _ in range(100):
                line.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 100)
                time.sleep(0.1)


def test_connections_beyond_the_limit_are_told_to_come_again(embedded: Settings) -> None:
    few = embedded.model_copy(update={"max_connections": 3})
    with serving(few) as client, contextlib.ExitStack() as open_lines:
        for _ in range(3):
            open_lines.enter_context(connected(client))
        with connected(client) as line:
            line.sendall(HEAD + b"\r\n")
            answer = answer_of(line)
        assert answer.startswith("HTTP/1.1 503 ") and "retry-after: 5" in answer.lower()
        assert problem_of(answer)["code"] == "too_many_connections"
        open_lines.close()
        eventually(lambda: client.get("/healthz").status_code == 200)


def test_what_is_no_http_is_a_problem_too(live: Any) -> None:
    with connected(live) as line:
        line.sendall(b"\x16\x03\x01hello\r\n\r\n")
        answer = answer_of(line)
    assert answer.startswith("HTTP/1.1 400 ") and problem_of(answer)["code"] == "malformed_request"


@contextlib.contextmanager
def process(folder: Path) -> Iterator[tuple[int, int]]:
    """``l2c serve`` in a process of its own: its id and its port."""
    settings = Settings(data_dir=folder, port=0)
    database_version.prepare(settings)
    settings = Settings(data_dir=folder, port=0, redis_url="redis://127.0.0.1:1/0")
    command = [sys.executable, "-m", "learn2compress", "serve"]
    with subprocess.Popen(
        command, env=settings.environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            yield server.pid, int(server.stdout.readline().strip().rpartition(":")[2])
        finally:
            server.terminate()


def send_until_cut_off(line: socket.socket, start: bytes, most: int) -> int:
    sent = len(start)
    with contextlib.suppress(ConnectionError):
        line.sendall(start)
        while sent < most:
            line.sendall(b"a" * MIB)
            sent += MIB
    return sent


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
