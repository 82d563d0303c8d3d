"""The faults: each starts a job on a site, and breaks something while it runs."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.faults.site import Site
from tests.waiting import eventually
from tests.workers.conftest import processes_of

EPOCH_SECONDS = 0.2
SECONDS_TO_TRAIN = 300.0
Fault = Callable[[Site, str], None]


@dataclass(frozen=True)
class Row:
    """``seconds`` is how long the fault itself lasts; ``workers`` how many start before it."""

    name: str
    inject: Fault
    seconds: float = 0.0
    workers: int = 1
    job: tuple[tuple[str, Any], ...] = ()
    s3: bool = True

    @property
    def runs(self) -> int:
        return 3 if self.seconds >= 45 else 10

    @property
    def behaviour(self) -> dict[str, Any]:
        """Of the stand-in child: it trains for as long as the fault lasts, and some seconds."""
        epochs = 15 + round(self.seconds / EPOCH_SECONDS)
        return {"epochs": epochs, "epoch_seconds": EPOCH_SECONDS, **dict(self.job)}


def at_epoch(site: Site, job_id: str, epoch: int) -> None:
    """Wait until a checkpoint of this epoch or a later one is in the job's row."""

    def reached() -> bool:
        key = site.jobs.row(job_id).checkpoint_key
        return key is not None and int(key.rsplit("-", 1)[1].removesuffix(".npz")) >= epoch

    eventually(reached, SECONDS_TO_TRAIN)


def kill_child(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    for pid in processes_of(job_id):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        if words[-1].endswith(b"/child") and b"workers.sandbox" not in words:
            os.kill(pid, signal.SIGKILL)


def kill_worker(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    site.workers[0].kill()
    site.start_worker()


def kill_pool_process(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    command = ["pgrep", "--parent", str(site.workers[0].pid)]
    children = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    os.kill(int(children.split()[0]), signal.SIGKILL)


def stop_worker(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    site.workers[0].terminate()
    site.start_worker()


def kill_api(site: Site, job_id: str) -> None:
    """While it sends the job's events to a client."""
    url = f"http://127.0.0.1:{site.settings.port}"
    with site.api() as api:
        eventually(lambda: httpx.get(f"{url}/healthz"), 60, (httpx.TransportError,))
        at_epoch(site, job_id, 3)
        api.kill()
        api.wait()
    with site.api():
        eventually(lambda: httpx.get(f"{url}/readyz").is_success, 60, (httpx.TransportError,))


def stop_redis(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    site.redis.stop()
    time.sleep(5)
    site.redis.start()


def flush_redis(site: Site, job_id: str) -> None:
    """Before any worker has taken the message."""
    site.forget_messages()
    site.start_worker()


def restart_postgres(site: Site, job_id: str) -> None:
    at_epoch(site, job_id, 3)
    site.restart_postgres()


def postgres_away(seconds: float) -> Fault:
    def inject(site: Site, job_id: str) -> None:
        at_epoch(site, job_id, 3)
        site.restart_postgres(seconds)

    return inject


def store_away(epoch: int | None, seconds: float) -> Fault:
    """From the given epoch on, or of the engine the last; None: before a worker has the job."""

    def inject(site: Site, job_id: str) -> None:
        if epoch is not None:
            at_epoch(site, job_id, epoch)
        site.store.stop()
        if epoch is None:
            site.start_worker()
        time.sleep(seconds)
        site.store.start()

    return inject


def store_hangs(seconds: float) -> Fault:
    def inject(site: Site, job_id: str) -> None:
        at_epoch(site, job_id, 3)
        site.store.hang()
        time.sleep(seconds)
        site.store.answer_again()

    return inject


def disk_full(site: Site, job_id: str) -> None:
    """The work folder's disk has 100 MiB left when the worker starts, and more after 10 s."""
    folder = Path(site.settings.data_dir)
    small = folder.with_name("small")
    small.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", small], check=True)
    try:
        filler = small / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 924 * 1024 * 1024)
        site.start_worker(data_dir=small)
        time.sleep(10)
        assert site.jobs.row(job_id).state == "queued"
        filler.unlink()
        eventually(lambda: site.jobs.row(job_id).state == "succeeded", SECONDS_TO_TRAIN)
    finally:
        site.stop_workers()
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", "--lazy", small], check=True)


def clock_off(site: Site, job_id: str) -> None:
    """The job's worker is an hour behind, another one an hour ahead.

    With the store in a folder: S3 refuses requests of a clock that is 15 minutes off, and then a
    worker takes no job.
    """
    site.start_worker(("faketime", "-f", "-1h"))
    at_epoch(site, job_id, 1)
    site.start_worker(("faketime", "-f", "+1h"))


def delivered_six_times(site: Site, job_id: str) -> None:
    site.notify(job_id, times=5)


LAST = 14
ROWS = (
    Row("kill -9 of the child", kill_child),
    Row("kill -9 of the worker", kill_worker),
    Row("kill -9 of the pool process", kill_pool_process),
    Row("kill -9 of the API", kill_api),
    Row("SIGTERM to the worker", stop_worker),
    Row("Redis stopped for 5 s", stop_redis, 5),
    Row("Redis flushed", flush_redis, workers=0),
    Row("PostgreSQL restarted", restart_postgres),
    Row("PostgreSQL away for 45 s", postgres_away(45), 45),
    Row("S3 away for 20 s before the fetch", store_away(None, 20), workers=0),
    Row("S3 away for 20 s at checkpoints", store_away(3, 20), 20),
    Row("S3 away for 20 s at publishing", store_away(LAST, 20)),
    Row("S3 away for 120 s before the fetch", store_away(None, 120), 120, 0, (("epochs", 15),)),
    Row("S3 away for 120 s at checkpoints", store_away(3, 120), 120),
    Row("S3 away for 120 s at publishing", store_away(LAST, 120), 120, 1, (("epochs", 15),)),
    Row("S3 hangs for 100 s", store_hangs(100), 100),
    Row("disk full for 10 s", disk_full, workers=0),
    Row("clocks an hour off", clock_off, workers=0, s3=False),
    Row("one job delivered six times", delivered_six_times, workers=3),
)
