"""The speed of uploading a large file, and the API's memory: ``python -m benchmarks.uploads``.

A real uvicorn process and the SDK's client run on one machine, with the directory store and with S3
(SeaweedFS), and a plain copy on the same disk for comparison. The peak memory is the process's
VmHWM, which is reset before each upload.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import results_file
from learn2compress.client import Client
from learn2compress.transport import ConnectionFailed
from service import database_version
from service.accounts import accounts
from service.contract.records import connect, sessions
from service.contract.settings import MIB, Settings
from tests.server_processes import free_port
from tests.servers import s3_server
from tests.waiting import eventually

RESULTS = Path(__file__).parent / "results" / "uploads.json"
SERVE = """
import sys, uvicorn
from service.app import create_app
from service.contract.settings import Settings
uvicorn.run(create_app(Settings()), port=int(sys.argv[1]), log_level="warning")
"""
WAYS: dict[str, Callable[[Client, Path], object]] = {
    "parts": lambda client, file: client.upload_file(file),
    "one request": lambda client, file: one_request(client, file),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file")
    parser.add_argument(
        "--folder", type=Path, default=None, help="on the disk to measure; the temporary folder"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="l2c-bench-", dir=options.folder) as name:
        busy = os.getloadavg()[0]
        rows = measure(Path(name), options.mib)
    print(f"load average before: {busy:.1f} on {os.cpu_count()} cores")
    print_table(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    about = {
        "mib": options.mib,
        "machine": platform.machine(),
        "load_before": round(busy, 1),
        "python": sys.version.split()[0],
    }
    results_file.write(RESULTS, {**about, "rows": rows})


def measure(folder: Path, mib: int) -> list[dict[str, Any]]:
    file = folder / "big.bin"
    write_random(file, mib)
    rows = [
        row("plain copy", "", mib, seconds_of(lambda: shutil.copyfile(file, folder / "copy.bin")))
    ]
    (folder / "copy.bin").unlink()
    rows += measure_store("directory", Settings(data_dir=folder / "directory"), file, mib)
    with s3_server() as server:
        s3 = Settings(data_dir=folder / "s3", **server.settings("bench"))
        rows += measure_store("s3", s3, file, mib)
    return rows


def measure_store(store: str, settings: Settings, file: Path, mib: int) -> list[dict[str, Any]]:
    rows = []
    with serving(settings) as (pid, client):
        for way, send in WAYS.items():
            reset_peak(pid)
            at_rest = peak_mib(pid)
            seconds = seconds_of(lambda send=send: send(client, file))  # type: ignore[misc]
            rows.append(
                row(store, way, mib, seconds)
                | {"api_rest_mib": at_rest, "api_peak_mib": peak_mib(pid)}
            )
    return rows


def one_request(client: Client, file: Path) -> None:
    """An upload as ``curl -T FILE`` does it."""
    client.transport.request(
        "POST", "/v1/models/upload", params={"filename": file.name}, content=chunks(file)
    )


def chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(MIB):
            yield chunk


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[int, Client]]:
    """The API in a process of its own, without a worker, which would compete for the cores."""
    settings.data_dir.mkdir()
    database_version.prepare(settings)
    key = accounts.open_account(sessions(connect(settings.database)), "benchmark") or ""
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(port)]
    with subprocess.Popen(command, env=settings.environment()) as process:
        try:
            with Client(f"http://127.0.0.1:{port}", key, timeout=600) as client:
                eventually(client.get_health, ignoring=(ConnectionFailed,))
                yield process.pid, client
        finally:
            process.terminate()


def write_random(file: Path, mib: int) -> None:
    with file.open("wb") as opened:
        for _ in range(mib):
            opened.write(os.urandom(MIB))
        os.fsync(opened.fileno())


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def row(store: str, way: str, mib: int, seconds: float) -> dict[str, Any]:
    return {
        "store": store,
        "way": way,
        "seconds": round(seconds, 2),
        "mb_per_s": round(mib * MIB / 1e6 / seconds),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    titles = f"{'store':<12}{'way':<14}{'seconds':>9}{'MB/s':>8}"
    print(f"{titles}{'API at rest MiB':>18}{'API peak MiB':>14}")
    for each in rows:
        at_rest, peak = each.get("api_rest_mib", ""), each.get("api_peak_mib", "")
        figures = f"{each['seconds']:>9}{each['mb_per_s']:>8}{at_rest:>18}{peak:>14}"
        print(f"{each['store']:<12}{each['way']:<14}{figures}")


if __name__ == "__main__":
    main()
