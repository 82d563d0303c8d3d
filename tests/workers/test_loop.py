"""The embedded worker as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.contract.job import JobKind
from service.contract.records import Job
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest, alive

ROOT = Path(__file__).parents[2]
LOOP = """
from tests.workers.scripted_child import SCRIPTED_CHILD
from workers.loop import main
main(SCRIPTED_CHILD)
"""
STARTER = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", sys.argv[1]]).pid, flush=True)
input()
"""


@contextmanager
def loop_process(worker: WorkerUnderTest) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP], cwd=ROOT, env=worker.context.settings.environment()
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def state(worker: WorkerUnderTest, job_id: str) -> str:
    job: Job = worker.row(job_id)
    return job.state


def test_it_does_all_queued_jobs_oldest_first(worker: WorkerUnderTest) -> None:
    jobs = [worker.job() for _ in range(3)]
    with loop_process(worker):
        eventually(lambda: all(state(worker, job_id) == "succeeded" for job_id in jobs))
    finished = [worker.row(job_id).finished_at for job_id in jobs]
    assert finished == sorted(finished, key=str)


def test_an_inspection_does_not_wait_for_the_compression_in_hand(worker: WorkerUnderTest) -> None:
    compression = worker.job(hold_at=1)
    with loop_process(worker) as process:
        eventually(lambda: worker.pids(compression))
        inspection = worker.job(JobKind.DATASET_INSPECTION)
        eventually(lambda: state(worker, inspection) == "succeeded")
        assert state(worker, compression) == "running"
        held = worker.job(JobKind.MODEL_INSPECTION, hold_at=1)
        eventually(lambda: worker.pids(held))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    for job_id in (compression, held):
        assert (state(worker, job_id), worker.row(job_id).failures) == ("queued", 0)


def test_sigterm_gives_the_running_job_back_and_the_next_worker_goes_on_at_once(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(hold_at=2, epochs=2)
    with loop_process(worker) as process:
        pids = eventually(lambda: worker.row(job_id).checkpoint_key and worker.pids(job_id))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (state(worker, job_id), worker.row(job_id).failures) == ("queued", 0)
    assert not alive(pids["child"])
    with loop_process(worker):
        eventually(lambda: state(worker, job_id) == "succeeded")


def test_it_ends_with_the_process_that_started_it(worker: WorkerUnderTest) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, LOOP],
        cwd=ROOT,
        env=worker.context.settings.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    loop_pid = int(parent.stdout.readline())
    job_id = worker.job(hold_at=1)
    eventually(lambda: worker.pids(job_id))
    parent.kill()
    parent.wait()
    eventually(lambda: not alive(loop_pid))
    assert state(worker, job_id) == "queued"


def test_folders_of_dead_workers_go_when_it_starts(worker: WorkerUnderTest) -> None:
    leftover = worker.context.settings.work_dir / "job_gone.token" / "child"
    leftover.mkdir(parents=True)
    with loop_process(worker):
        eventually(lambda: not leftover.exists())
