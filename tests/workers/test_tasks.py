"""A Celery worker process on a real Redis: the notifier, its failure, and what a killed or stopped
worker leaves.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import redis
from celery import Celery

from migrations import upgrade
from service.contract.devices import RUN_JOB, Device, queue_of
from service.contract.job import JobKind
from service.contract.records import Variant
from service.contract.settings import Settings
from tests import server_processes
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest, alive, open_worker, settings_of

ROOT = Path(__file__).parents[2]
WORKER = [
    "-m",
    "celery",
    "-A",
    "tests.workers.scripted_tasks",
    "worker",
    "--pool",
    "prefork",
    "--concurrency",
    "1",
]


@pytest.fixture
def worker(tmp_path: Path, redis_url: str, postgres_database: str) -> Iterator[WorkerUnderTest]:
    redis.Redis.from_url(redis_url).flushall()
    yield open_worker(
        settings_of(tmp_path, database_url=postgres_database, redis_url=redis_url, lease_seconds=2)
    )
    redis.Redis.from_url(redis_url).flushall()


@contextmanager
def celery_worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        *WORKER,
        "--loglevel",
        "info",
        "--without-mingle",
        "--without-gossip",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env=settings.environment(), start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def notify(worker: WorkerUnderTest, job_id: str, device: Device = Device.ANY) -> None:
    app = Celery(broker=worker.context.settings.redis_url)
    app.send_task(RUN_JOB, [job_id], queue=queue_of(device))


def state(worker: WorkerUnderTest, job_id: str) -> str:
    return worker.row(job_id).state


def test_a_message_starts_a_job(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    with celery_worker(worker.context.settings):
        notify(worker, job_id)
        eventually(lambda: state(worker, job_id) == "succeeded")
    assert len(worker.rows(Variant, job_id)) == 3


def test_a_job_for_a_gpu_waits_for_such_a_worker(worker: WorkerUnderTest) -> None:
    """A CPU worker neither takes the job nor uses up its message."""
    for_gpu, for_cpu = worker.job(), worker.job()
    worker.change(for_gpu, device=Device.GPU, priority=0)
    worker.change(for_cpu, device=Device.CPU)
    messages = redis.Redis.from_url(worker.context.settings.redis_url)
    with celery_worker(with_device(worker, "cpu")):
        notify(worker, for_gpu, Device.GPU)
        notify(worker, for_cpu, Device.CPU)
        eventually(lambda: state(worker, for_cpu) == "succeeded")
    assert (state(worker, for_gpu), messages.llen(queue_of(Device.GPU))) == ("queued", 1)
    with celery_worker(with_device(worker, "gpu")):
        eventually(lambda: state(worker, for_gpu) == "succeeded")


def with_device(worker: WorkerUnderTest, device: str) -> Settings:
    """The worker's settings; its reaper sends no message again during a test."""
    return worker.context.settings.model_copy(update={"device": device, "reap_seconds": 600.0})


def test_a_job_whose_message_was_lost_is_found(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    with celery_worker(worker.context.settings):
        eventually(lambda: state(worker, job_id) == "succeeded")


def test_an_inspection_does_not_wait_for_the_compression_in_hand(worker: WorkerUnderTest) -> None:
    compression = worker.job(hold_at=1)
    with celery_worker(worker.context.settings) as process:
        notify(worker, compression)
        eventually(lambda: worker.pids(compression))
        inspection = worker.job(JobKind.MODEL_INSPECTION)
        eventually(lambda: state(worker, inspection) == "succeeded")
        assert state(worker, compression) == "running"
        held = worker.job(JobKind.MODEL_INSPECTION, hold_at=1)
        eventually(lambda: worker.pids(held))
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    for job_id in (compression, held):
        assert (state(worker, job_id), worker.row(job_id).failures) == ("queued", 0)


def test_a_child_that_dies_is_tried_again(worker: WorkerUnderTest) -> None:
    job_id = worker.job(epochs=3, die_at=2)
    with celery_worker(worker.context.settings):
        notify(worker, job_id)
        eventually(lambda: state(worker, job_id) == "succeeded")
    assert worker.row(job_id).attempts == 2


def test_sigterm_gives_the_running_job_back(worker: WorkerUnderTest) -> None:
    job_id = worker.job(hold_at=2)
    with celery_worker(worker.context.settings) as process:
        notify(worker, job_id)
        pids = eventually(lambda: worker.row(job_id).checkpoint_key and worker.pids(job_id))
        process.terminate()
        assert process.wait(15) == 0
    assert (state(worker, job_id), worker.row(job_id).failures, alive(pids["child"])) == (
        "queued",
        0,
        False,
    )
    with celery_worker(worker.context.settings):
        eventually(lambda: state(worker, job_id) == "succeeded")


def test_after_kill_9_of_the_whole_worker_another_goes_on(worker: WorkerUnderTest) -> None:
    job_id = worker.job(hold_at=2)
    with celery_worker(worker.context.settings) as process:
        notify(worker, job_id)
        pids = eventually(lambda: worker.row(job_id).checkpoint_key and worker.pids(job_id))
        process.kill()
        eventually(lambda: not alive(pids["child"]), 5)
    with celery_worker(worker.context.settings):
        eventually(lambda: state(worker, job_id) == "succeeded")
    assert worker.told(job_id)["run"] == [2]


def test_the_process_that_does_the_jobs_tells_its_figures(worker: WorkerUnderTest) -> None:
    given = worker.context.settings.model_dump(exclude_unset=True)
    port = server_processes.free_port()
    with celery_worker(Settings(**given, worker_metrics_port=port)):
        job_id = worker.job()
        eventually(lambda: state(worker, job_id) == "succeeded")
        done = 'l2c_worker_attempts_total{code="",kind="compression",outcome="succeeded"} 1.0'
        address = f"http://127.0.0.1:{port}/metrics"
        eventually(lambda: done in httpx.get(address).text, ignoring=(httpx.TransportError,))


def test_the_worker_never_imports_tensorflow() -> None:
    code = (
        "import sys, workers.tasks, workers.loop;"
        " sys.exit(bool({'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@contextmanager
def s3_that_fails(times: int) -> Iterator[tuple[str, list[str]]]:
    """An address where each request fails some times before it succeeds, and its requests."""
    seen = list[str]()

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.path)
            self.send_response(403 if len(seen) <= times else 200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_reaper_outlives_a_store_that_fails_while_the_worker_starts(
    tmp_path: Path, redis_url: str, postgres_database: str
) -> None:
    with s3_that_fails(times=2) as (address, seen):
        bucket = {
            "s3_bucket": "b",
            "s3_endpoint_url": address,
            "s3_access_key_id": "a",
            "s3_secret_access_key": "s",
        }
        settings = settings_of(
            tmp_path, database_url=postgres_database, redis_url=redis_url, **bucket
        )
        upgrade(settings.database)
        settings.work_dir.mkdir()
        leftover = settings.work_dir / "job_gone.token"
        leftover.mkdir()
        with celery_worker(settings):
            eventually(lambda: not leftover.exists())
        assert seen


def started(settings: Settings, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = settings.environment()
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_without_a_broker_the_worker_says_what_to_do(tmp_path: Path) -> None:
    done = started(settings_of(tmp_path), *WORKER)
    assert done.returncode != 0 and "L2C_REDIS_URL is not set" in done.stderr


def test_without_the_sandbox_no_worker_starts(tmp_path: Path, redis_url: str) -> None:
    done = started(settings_of(tmp_path, redis_url=redis_url), "tests/without_landlock.py", *WORKER)
    assert done.returncode != 0 and "This machine lacks Landlock" in done.stderr


def test_without_the_sandbox_no_loop_starts(tmp_path: Path) -> None:
    done = started(settings_of(tmp_path), "tests/without_landlock.py", "-m", "workers.loop")
    assert done.returncode != 0 and "This machine lacks Landlock" in done.stderr
