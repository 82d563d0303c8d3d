"""The proxy with TLS, with Caddy's own program; skipped where there is none."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.contract.job import JobState
from service.contract.settings import Settings
from tests.deploy import caddy
from tests.service import stand_in
from tests.service.client_of import serving

pytestmark = pytest.mark.skipif(caddy.PROGRAM is None, reason=caddy.WHY_SKIPPED)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Any]:
    with serving(Settings(data_dir=tmp_path / "data")) as client:
        yield client


@pytest.fixture
def proxy(live: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client with a key, through Caddy."""
    with caddy.proxying(f"{live.base_url.host}:{live.base_url.port}", tmp_path) as client:
        client.headers["Authorization"] = live.headers["Authorization"]
        yield client


def test_the_configuration_is_valid_and_formatted(tmp_path: Path) -> None:
    command = [str(caddy.PROGRAM), "validate", "--config", str(caddy.CADDYFILE)]
    checked = subprocess.run(
        [*command, "--adapter", "caddyfile"],
        env=caddy.environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
    assert "Valid configuration" in checked.stdout + checked.stderr
    assert "not formatted" not in checked.stderr


def test_requests_go_through_with_tls_only(proxy: httpx.Client) -> None:
    answer = proxy.get("/v1/jobs")
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "caddy" not in answer.headers.get("Server", "").lower()
    with pytest.raises(httpx.HTTPError):
        plain = str(proxy.base_url).replace("https", "http")
        httpx.get(plain, trust_env=False).raise_for_status()


def test_a_large_header_is_refused(proxy: httpx.Client) -> None:
    assert proxy.get("/healthz", headers={"X-Long": "x" * 1000}).status_code == 200
    # Go's server allows 4 KiB more than it is told.
    assert proxy.get("/healthz", headers={"X-Long": "x" * 24_000}).status_code == 431


def test_the_api_s_own_refusals_come_through(proxy: httpx.Client) -> None:
    answer = proxy.post("/v1/uploads", content=b"x" * 5_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_event_arrives_at_once(live: Any, proxy: httpx.Client) -> None:
    job = stand_in.submit(live, live.context)["id"]
    with proxy.stream("GET", f"/v1/jobs/{job}/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("event"))
        assert next(lines) == "event: state"
        for event in ("state", "progress"):
            started = time.monotonic()
            if event == "state":
                stand_in.move(live.context, job, JobState.RUNNING, attempts=1)
            else:
                stand_in.progress(live.context, job, 0.5, epoch=1, epochs=4)
            assert next(lines) == f"event: {event}"
            assert time.monotonic() - started < 2


def test_a_slow_body_is_cut_off_and_a_slow_stream_is_not(live: Any, tmp_path: Path) -> None:
    address = f"{live.base_url.host}:{live.base_url.port}"
    job = stand_in.submit(live, live.context)["id"]
    with caddy.proxying(address, tmp_path, read_body="1s") as client:
        client.headers["Authorization"] = live.headers["Authorization"]
        started = time.monotonic()
        with suppress(httpx.TransportError):
            client.post("/v1/uploads", content=slowly(b"x", times=12))
        assert time.monotonic() - started < 4
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("event"))
            next(lines)
            time.sleep(1.5)
            stand_in.move(live.context, job, JobState.RUNNING, attempts=1)
            assert next(lines) == "event: state"


def slowly(chunk: bytes, times: int) -> Iterator[bytes]:
    for _ in range(times):
        yield chunk
        time.sleep(0.5)


def test_the_log_has_no_key(live: Any, proxy: httpx.Client, tmp_path: Path) -> None:
    proxy.get("/v1/jobs")
    log = (tmp_path / "log").read_text()
    assert "/v1/jobs" in log and live.headers["Authorization"].split()[1] not in log
