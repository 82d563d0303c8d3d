"""The API in a process of its own, as in production, on SQLite and on PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from learn2compress.client import Client
from learn2compress.transport import ConnectionFailed
from service import database_version
from service.accounts import accounts
from service.contract.records import Sessions, connect, sessions
from service.contract.settings import Settings
from tests.server_processes import free_ports
from tests.servers import postgres_server
from tests.waiting import eventually

SERVE = """
import sys, uvicorn
from service.app import create_app
from service.contract.settings import Settings
from service.serving import server_options
settings = Settings()
uvicorn.run(create_app(settings), port=int(sys.argv[1]), **server_options(settings))
"""


@dataclass(frozen=True)
class Api:
    """A running API without a worker, and its database."""

    pid: int
    port: int
    key: str
    sessions: Sessions

    def client(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.key, timeout=600)

    def memory_mib(self, field: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return round(int(status.split(f"{field}:")[1].split()[0]) / 1024, 1)


@contextmanager
def api(folder: Path, database_url: str) -> Iterator[Api]:
    """Without a limit of requests; connections enough for 200 watchers."""
    settings = Settings(
        data_dir=folder, database_url=database_url, requests_per_minute=0, max_connections=500
    )
    folder.mkdir()
    # Prepared here, so that migrations are in no measurement; this is the embedded mode's way.
    database_version.prepare(settings)
    factory = sessions(connect(settings.database))
    key = accounts.open_account(factory, "benchmark") or ""
    port = free_ports(1)[0]
    command = [sys.executable, "-c", SERVE, str(port)]
    with subprocess.Popen(command, env=settings.environment()) as process:
        try:
            running = Api(process.pid, port, key, factory)
            with running.client() as client:
                eventually(client.get_health, ignoring=(ConnectionFailed,))
            yield running
        finally:
            process.terminate()


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """The names and URLs of empty databases; an empty URL is SQLite in the data folder."""
    with postgres_server() as url:
        yield {"sqlite": "", "postgresql": url}
