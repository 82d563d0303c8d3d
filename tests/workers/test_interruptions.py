"""What interrupts an attempt: a user, another worker, a signal. No process and no half-written row
may stay.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from service.contract.directory_store import DirectoryStore
from service.contract.job import JobKind
from service.contract.object_keys import attempt_prefix, checkpoint_key
from service.contract.records import Job, Variant, now
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest, alive, open_worker, processes_of, settings_of
from workers.loop import Stop
from workers.outcomes import Crashed
from workers.supervisor import supervise

SUPERVISE = """
import sys
from service.contract.settings import Settings
from tests.workers.scripted_child import SCRIPTED_CHILD
from workers.supervisor import supervise
from workers.worker_context import open_worker_context
supervise(sys.argv[1], open_worker_context(Settings(), command=SCRIPTED_CHILD))
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def supervising(job_id: str, worker: WorkerUnderTest) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=supervise, args=(job_id, worker.context))
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
        assert not thread.is_alive()


def gone(pids: dict[str, int]) -> Callable[[], bool]:
    return lambda: not any(alive(pid) for pid in pids.values())


def test_cancel_ends_a_stubborn_child_and_its_child_within_two_seconds(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(hold_at=1, stubborn=True, grandchild=True)
    with supervising(job_id, worker):
        pids = eventually(lambda: worker.pids(job_id))
        worker.change(job_id, cancel_requested=True)
        asked = time.monotonic()
        eventually(gone(pids))
        assert time.monotonic() - asked < 2
    job = worker.row(job_id)
    assert len(pids) == 2
    assert (job.state, job.lease_token) == ("cancelled", None)
    assert worker.events(job_id, "state")[-1]["state"] == "cancelled"
    assert worker.work_folders() == [] and worker.stored(job_id) == []


def test_deleting_what_is_inspected_ends_the_child_within_two_seconds(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(JobKind.MODEL_INSPECTION, hold_at=1)
    with supervising(job_id, worker):
        pids = eventually(lambda: worker.pids(job_id))
        with worker.context.sessions.begin() as session:
            session.execute(delete(Job).where(Job.id == job_id))
        deleted = time.monotonic()
        eventually(gone(pids))
        assert time.monotonic() - deleted < 2
    assert worker.work_folders() == []


def test_a_child_that_stays_behind_its_parent_is_ended_too(worker: WorkerUnderTest) -> None:
    job_id = worker.job(grandchild=True)
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "succeeded"
    assert {"child", "grandchild"} == set(worker.events(job_id, "progress")[0]["metrics"])
    eventually(lambda: not processes_of(job_id))


def test_whoever_loses_the_lease_stops_and_writes_nothing(worker: WorkerUnderTest) -> None:
    job_id = worker.job(hold_at=2, epochs=3)
    with supervising(job_id, worker):
        pids = eventually(lambda: worker.row(job_id).checkpoint_key and worker.pids(job_id))
        worker.change(
            job_id,
            lease_token="another",
            stage="elsewhere",
            lease_expires_at=now() + timedelta(hours=1),
        )
        eventually(gone(pids))
    job = worker.row(job_id)
    assert (job.state, job.stage, job.lease_token) == ("running", "elsewhere", "another")
    assert [event["state"] for event in worker.events(job_id, "state")] == ["running"]


class Thief(DirectoryStore):
    """Gives the job to another worker at the moment when a file of it arrives."""

    steal: Callable[[], None]

    def put(self, key: str, path: Path) -> None:
        super().put(key, path)
        self.steal()


def test_a_checkpoint_that_comes_after_the_lease_does_not_stay(worker: WorkerUnderTest) -> None:
    job_id, store = worker.job(), Thief(worker.context.settings.data_dir / "store")
    store.steal = lambda: worker.change(
        job_id, lease_token="another", lease_expires_at=now() + timedelta(hours=1)
    )
    supervise(job_id, replace(worker.context, store=store))
    assert (worker.row(job_id).state, worker.row(job_id).checkpoint_key) == ("running", None)
    assert worker.stored(job_id) == []


def test_a_checkpoint_that_the_row_names_stays_when_the_lease_is_lost(
    worker: WorkerUnderTest,
) -> None:
    """The answer to the commit was lost, and the next worker goes on from this checkpoint."""
    job_id, store = worker.job(), Thief(worker.context.settings.data_dir / "store")
    key = checkpoint_key(job_id, 1, 1)
    later = now() + timedelta(hours=1)
    store.steal = lambda: worker.change(
        job_id, lease_token="another", lease_expires_at=later, checkpoint_key=key
    )
    supervise(job_id, replace(worker.context, store=store))
    assert worker.stored(job_id) == [key]


def test_files_of_an_attempt_that_lost_its_lease_and_crashed_do_not_stay(
    worker: WorkerUnderTest,
) -> None:
    job_id, store = worker.job(), Thief(worker.context.settings.data_dir / "store")

    def steal() -> None:
        if any(key.endswith(".tflite") for key in worker.stored(job_id)):
            worker.change(job_id, lease_token="another")
            raise Crashed("in the middle of publishing")

    store.steal = steal
    supervise(job_id, replace(worker.context, store=store))
    assert worker.row(job_id).lease_token == "another"
    assert not [key for key in worker.stored(job_id) if key.endswith(".tflite")]


def test_the_heartbeat_keeps_a_long_job(tmp_path: Path) -> None:
    worker = open_worker(settings_of(tmp_path, lease_seconds=0.6))
    job_id = worker.job(hold_at=1)
    with supervising(job_id, worker):
        first = eventually(lambda: worker.row(job_id).lease_expires_at)
        eventually(lambda: now() > first + timedelta(seconds=0.6))
        assert worker.row(job_id).state == "running"
        # Another worker cannot claim it, because the lease was extended.
        supervise(job_id, worker.context)
        assert worker.row(job_id).attempts == 1
        worker.change(job_id, cancel_requested=True)


def test_a_worker_that_stops_gives_the_job_back_and_the_attempt_does_not_count(
    worker: WorkerUnderTest,
) -> None:
    job_id, stop, notified = worker.job(hold_at=2, epochs=3), Stop(), list[str]()
    worker.context = replace(worker.context, stopping=stop, notify=notified.append)
    with supervising(job_id, worker):
        pids = eventually(lambda: worker.row(job_id).checkpoint_key and worker.pids(job_id))
        stop.ask()
        eventually(gone(pids), 2)
    job = worker.row(job_id)
    assert (job.state, job.failures, job.lease_token, notified) == ("queued", 0, None, [job_id])
    supervise(job_id, replace(worker.context, stopping=lambda: False))
    assert worker.told(job_id)["run"] == [2, 3]


class SlowStore(DirectoryStore):
    def put(self, key: str, path: Path) -> None:
        time.sleep(1)
        super().put(key, path)


def test_a_worker_that_stops_keeps_the_last_checkpoint(worker: WorkerUnderTest) -> None:
    """Which waits, because storing the one before it took long."""
    job_id, stop = worker.job(hold_at=3, epochs=4, stubborn=True), Stop()
    store = SlowStore(worker.context.settings.data_dir / "store")
    worker.context = replace(worker.context, stopping=stop, store=store)
    with supervising(job_id, worker):
        eventually(lambda: worker.row(job_id).progress >= 0.3)
        assert worker.row(job_id).checkpoint_key == checkpoint_key(job_id, 1, 1)
        stop.ask()
    job = worker.row(job_id)
    assert (job.state, job.checkpoint_key) == ("queued", checkpoint_key(job_id, 1, 2))


@pytest.mark.parametrize("production", [False, True])
def test_after_kill_9_of_the_supervisor_another_finishes_the_job_once(
    production: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = settings_of(tmp_path, lease_seconds=2)
    if production:
        database, s3 = request.getfixturevalue("postgres_database"), request.getfixturevalue("s3")
        settings = settings_of(tmp_path, lease_seconds=2, database_url=database, **s3)
    worker = open_worker(settings)
    job_id = worker.job(hold_at=3, epochs=4)
    first = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, job_id], cwd=ROOT, env=settings.environment()
    )
    second_epoch = checkpoint_key(job_id, attempt=1, epoch=2)
    pids = eventually(
        lambda: worker.row(job_id).checkpoint_key == second_epoch and worker.pids(job_id)
    )
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    eventually(gone(pids), 2)

    def succeeded() -> bool:
        supervise(job_id, worker.context)
        return worker.row(job_id).state == "succeeded"

    eventually(succeeded)
    job = worker.row(job_id)
    assert job.attempts == 2 and worker.told(job_id)["run"] == [3, 4]
    keys = [variant.key for variant in worker.rows(Variant, job_id)]
    assert len(keys) == 3
    assert all(key.startswith(attempt_prefix(job_id, 2)) for key in keys)
    assert worker.work_folders() == []


def test_a_job_that_no_supervisor_survives_fails_after_the_last_attempt(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job()
    worker.change(
        job_id,
        state="running",
        failures=worker.context.settings.max_attempts,
        lease_token="dead",
        lease_expires_at=now() - timedelta(seconds=1),
    )
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None and (job.state, job.error["code"]) == ("failed", "engine_crashed")


def test_a_cancelled_job_whose_worker_died_ends_cancelled(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    past = now() - timedelta(seconds=1)
    worker.change(
        job_id, state="running", cancel_requested=True, lease_token="dead", lease_expires_at=past
    )
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "cancelled"
