"""A real API in a process of its own, impatient, with two accounts; and raw sockets to it."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from migrations import upgrade
from service.accounts import accounts
from service.app_context import AppContext
from service.contract.records import connect, sessions
from service.contract.settings import MIB, Settings
from tests.server_processes import free_ports
from tests.service import stand_in
from tests.service.conftest import PART_SIZE
from tests.waiting import eventually
from workers.worker_context import open_worker_context

SERVE = """
import sys, uvicorn
from service.app import create_app
from service.contract.settings import Settings
from service.serving import server_options
limits = {"head_seconds": 2.0, "idle_seconds": 2.0, "seconds_between_looks": 0.1}
options = server_options(Settings(), **limits)
uvicorn.run(create_app(Settings()), port=int(sys.argv[1]), **options)
"""
SECONDS_TO_ANSWER = 15.0
CLOSED = "closed"
LARGEST_ANSWER = 4 * MIB
LARGEST_UPLOAD = 8 * MIB


@dataclass(frozen=True)
class Site:
    """The running API, a key of the attacker, and what belongs to somebody else.

    ``ids`` are words that a request may hold: ``job`` and ``variant`` of the attacker, and
    ``other_...`` of the other account.
    """

    pid: int
    port: int
    key: str
    ids: dict[str, str]

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def answers(self) -> bool:
        """Whether /healthz is as it should be."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=10).is_success
        return False

    def filled(self, text: bytes) -> bytes:
        """The request with the ids and the key in place of ``{words}``."""
        for word, value in {**self.ids, "key": self.key}.items():
            text = text.replace(b"{%s}" % word.encode(), value.encode())
        return text

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS_TO_ANSWER)

    def ask(self, *pieces: bytes, pause: float = 0.0) -> str:
        """Send these bytes and tell what came back: ``201``, ``422-malformed`` or ``closed``."""
        with self.connect() as line:
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    line.sendall(piece)
                    time.sleep(pause)
            return summary(read_all(line))


def read_all(line: socket.socket) -> bytes:
    """What comes until the other side closes, or stays silent."""
    received = b""
    with contextlib.suppress(OSError):
        while len(received) < LARGEST_ANSWER and (data := line.recv(65536)):
            received += data
    return received


def summary(received: bytes) -> str:
    """Status and code of each answer."""
    words = []
    for head, body in re.findall(
        rb"HTTP/1\.1 (\d{3}) .*?\r\n\r\n(.*?)(?=HTTP/1\.1 \d{3} |\Z)", received, re.DOTALL
    ):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            words.append(f"{head.decode()}-{json.loads(body)['code']}")
            continue
        words.append(head.decode())
    return "+".join(sorted(set(words))) or CLOSED


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """An API on SQLite and a directory, without workers."""
    settings = Settings(
        data_dir=folder / "data",
        part_bytes=PART_SIZE,
        max_upload_bytes=LARGEST_UPLOAD,
        redis_url="redis://127.0.0.1:1/0",
    )
    settings.work_dir.mkdir(parents=True)
    upgrade(settings.database)
    factory = sessions(connect(settings.database))
    keys = [accounts.open_account(factory, name) or "" for name in ("attacker", "other")]
    port = free_ports(1)[0]
    command = [sys.executable, "-c", SERVE, str(port)]
    with subprocess.Popen(command, env=settings.environment()) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: httpx.get(f"{url}/healthz"), 60, (httpx.TransportError,))
            yield Site(process.pid, port, keys[0], prepared(settings, url, keys, folder))
        finally:
            process.terminate()


def prepared(settings: Settings, url: str, keys: list[str], folder: Path) -> dict[str, str]:
    """Jobs, uploads and keys of both accounts: the words of ``Site.ids``."""
    # Of the application's context it needs what a worker's has, too.
    context = cast(AppContext, open_worker_context(settings))
    words: dict[str, str] = {}
    for prefix, key in zip(("", "other_"), keys, strict=True):
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            found = belongings(client, context, folder)
        words |= {f"{prefix}{name}": value for name, value in found.items()}
    return words


def belongings(client: httpx.Client, context: AppContext, folder: Path) -> dict[str, str]:
    job = stand_in.submit(client, context)
    reader = made(client, "keys", name="reader", scopes=["read"])
    return {
        "job": job["id"],
        "model": job["model_id"],
        "variant": stand_in.succeed(context, job["id"], folder)["large"],
        "upload": made(client, "uploads", filename="a", bytes=PART_SIZE + 10)["id"],
        "reader_id": reader["id"],
        "reader": reader["secret"],
        "webhook": made(client, "webhooks", url="https://hooks.example.com/")["id"],
    }


def made(client: httpx.Client, kind: str, **fields: Any) -> Any:
    answer = client.post(f"/v1/{kind}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()
