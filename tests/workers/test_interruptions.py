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

from service.contract.records import Variant, now
from service.contract.storage import DirectoryStore
from tests.workers.conftest import Stage, alive, open_stage, settings_of, wait_for
from workers.loop import Stop
from workers.supervisor import supervise

SUPERVISE = """
import sys
from service.contract.settings import Settings
from tests.workers.actor import ACTOR
from workers.supervisor import supervise
from workers.worker_context import open_worker_context
supervise(sys.argv[1], open_worker_context(Settings(), command=ACTOR))
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def supervising(job_id: str, stage: Stage) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=supervise, args=(job_id, stage.context))
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
        assert not thread.is_alive()


def gone(pids: dict[str, int]) -> Callable[[], bool]:
    return lambda: not any(alive(pid) for pid in pids.values())


def test_cancel_ends_a_stubborn_child_and_its_child_within_two_seconds(stage: Stage) -> None:
    job_id = stage.job(hold_at=1, stubborn=True, grandchild=True)
    with supervising(job_id, stage):
        pids = wait_for(lambda: stage.pids(job_id))
        stage.change(job_id, cancel_requested=True)
        asked = time.monotonic()
        wait_for(gone(pids))
        assert time.monotonic() - asked < 2
    job = stage.row(job_id)
    assert len(pids) == 2
    assert (job.state, job.lease_token) == ("cancelled", None)
    assert stage.events(job_id, "state")[-1]["state"] == "cancelled"
    assert stage.work_folders() == [] and stage.stored(job_id) == []


def test_a_child_that_stays_behind_its_parent_is_ended_too(stage: Stage) -> None:
    job_id = stage.job(grandchild=True)
    supervise(job_id, stage.context)
    assert stage.row(job_id).state == "succeeded"
    wait_for(gone(stage.pids(job_id)))


def test_whoever_loses_the_lease_stops_and_writes_nothing(stage: Stage) -> None:
    job_id = stage.job(hold_at=2, epochs=3)
    with supervising(job_id, stage):
        pids = wait_for(lambda: stage.row(job_id).checkpoint_key and stage.pids(job_id))
        stage.change(
            job_id,
            lease_token="another",
            stage="elsewhere",
            lease_expires_at=now() + timedelta(hours=1),
        )
        wait_for(gone(pids))
    job = stage.row(job_id)
    assert (job.state, job.stage, job.lease_token) == ("running", "elsewhere", "another")
    assert [event["state"] for event in stage.events(job_id, "state")] == ["running"]


class Thief(DirectoryStore):
    """Gives the job to another worker at the moment when a file of it arrives."""

    steal: Callable[[], None]

    def put(self, key: str, path: Path) -> None:
        super().put(key, path)
        self.steal()


def test_a_checkpoint_that_comes_after_the_lease_does_not_stay(stage: Stage) -> None:
    job_id, store = stage.job(), Thief(stage.context.settings.data_dir / "store")
    store.steal = lambda: stage.change(
        job_id, lease_token="another", lease_expires_at=now() + timedelta(hours=1)
    )
    supervise(job_id, replace(stage.context, store=store))
    assert (stage.row(job_id).state, stage.row(job_id).checkpoint_key) == ("running", None)
    assert stage.stored(job_id) == []


def test_the_heartbeat_keeps_a_long_job(tmp_path: Path) -> None:
    stage = open_stage(settings_of(tmp_path, lease_seconds=0.6))
    job_id = stage.job(hold_at=1)
    with supervising(job_id, stage):
        first = wait_for(lambda: stage.row(job_id).lease_expires_at)
        wait_for(lambda: now() > first + timedelta(seconds=0.6))
        assert stage.row(job_id).state == "running"
        supervise(job_id, stage.context)
        assert stage.row(job_id).attempts == 1
        stage.change(job_id, cancel_requested=True)


def test_a_worker_that_stops_gives_the_job_back_uncounted(stage: Stage) -> None:
    job_id, stop, notified = stage.job(hold_at=2, epochs=3), Stop(), list[str]()
    stage.context = replace(stage.context, stopping=stop, notify=notified.append)
    with supervising(job_id, stage):
        pids = wait_for(lambda: stage.row(job_id).checkpoint_key and stage.pids(job_id))
        stop.ask()
        wait_for(gone(pids), 2)
    job = stage.row(job_id)
    assert (job.state, job.attempts, job.lease_token, notified) == ("queued", 0, None, [job_id])
    supervise(job_id, replace(stage.context, stopping=lambda: False))
    assert stage.told(job_id)["run"] == [2, 3]


@pytest.mark.parametrize("production", [False, True])
def test_after_kill_9_of_the_supervisor_another_finishes_the_job_once(
    production: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = settings_of(tmp_path, lease_seconds=2)
    if production:
        database, s3 = request.getfixturevalue("postgres_database"), request.getfixturevalue("s3")
        settings = settings_of(tmp_path, lease_seconds=2, database_url=database, **s3)
    stage = open_stage(settings)
    job_id = stage.job(hold_at=3, epochs=4)
    first = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, job_id], cwd=ROOT, env=settings.environment()
    )
    pids = wait_for(
        lambda: (stage.row(job_id).checkpoint_key or "").endswith("-2.npz") and stage.pids(job_id)
    )
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(gone(pids), 2)

    def succeeded() -> bool:
        supervise(job_id, stage.context)
        return stage.row(job_id).state == "succeeded"

    wait_for(succeeded)
    job = stage.row(job_id)
    assert job.attempts == 2 and stage.told(job_id)["run"] == [3, 4]
    assert [variant.key.split("/")[2] for variant in stage.rows(Variant, job_id)] == [
        "attempt-2"
    ] * 3
    assert stage.work_folders() == []


def test_a_job_that_no_supervisor_survives_fails_at_the_cap(stage: Stage) -> None:
    job_id = stage.job()
    stage.change(
        job_id,
        state="running",
        attempts=3,
        lease_token="dead",
        lease_expires_at=now() - timedelta(seconds=1),
    )
    supervise(job_id, stage.context)
    job = stage.row(job_id)
    assert job.error is not None and (job.state, job.error["code"]) == ("failed", "engine_crashed")


def test_a_cancelled_job_whose_worker_died_ends_cancelled(stage: Stage) -> None:
    job_id = stage.job()
    past = now() - timedelta(seconds=1)
    stage.change(
        job_id, state="running", cancel_requested=True, lease_token="dead", lease_expires_at=past
    )
    supervise(job_id, stage.context)
    assert stage.row(job_id).state == "cancelled"
