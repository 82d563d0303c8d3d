"""The embedded worker as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.contract.job import JobKind
from service.contract.records import Job
from tests.workers.conftest import Stage, alive, wait_for

ROOT = Path(__file__).parents[2]
LOOP = "from tests.workers.actor import ACTOR; from workers.loop import main; main(ACTOR)"
STARTER = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", sys.argv[1]]).pid, flush=True)
input()
"""


@contextmanager
def loop_process(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP], cwd=ROOT, env=stage.context.settings.environment()
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def state(stage: Stage, job_id: str) -> str:
    job: Job = stage.row(job_id)
    return job.state


def test_it_does_all_queued_jobs_oldest_first(stage: Stage) -> None:
    jobs = [stage.job() for _ in range(3)]
    with loop_process(stage):
        wait_for(lambda: all(state(stage, job_id) == "succeeded" for job_id in jobs))
    finished = [stage.row(job_id).finished_at for job_id in jobs]
    assert finished == sorted(finished, key=str)


def test_inspections_go_before_compressions_that_came_earlier(stage: Stage) -> None:
    compression, inspection = stage.job(), stage.job(JobKind.DATASET_INSPECTION)
    with loop_process(stage):
        wait_for(lambda: state(stage, compression) == "succeeded")
    first, second = stage.row(inspection).finished_at, stage.row(compression).started_at
    assert first and second and first <= second


def test_sigterm_gives_the_running_job_back_and_the_next_worker_goes_on_at_once(
    stage: Stage,
) -> None:
    job_id = stage.job(hold_at=2, epochs=2)
    with loop_process(stage) as process:
        pids = wait_for(lambda: stage.row(job_id).checkpoint_key and stage.pids(job_id))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (state(stage, job_id), stage.row(job_id).attempts) == ("queued", 0)
    assert not alive(pids["child"])
    with loop_process(stage):
        wait_for(lambda: state(stage, job_id) == "succeeded")


def test_it_ends_with_the_process_that_started_it(stage: Stage) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, LOOP],
        cwd=ROOT,
        env=stage.context.settings.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    job_id = stage.job(hold_at=1)
    wait_for(lambda: stage.pids(job_id))
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(worker))
    assert state(stage, job_id) == "queued"


def test_folders_of_dead_workers_go_when_it_starts(stage: Stage) -> None:
    leftover = stage.context.settings.work_dir / "job_gone.token" / "child"
    leftover.mkdir(parents=True)
    with loop_process(stage):
        wait_for(lambda: not leftover.exists())
