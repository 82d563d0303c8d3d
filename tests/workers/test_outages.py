"""Stores, databases and disks that are away: no job fails, no epoch is trained twice."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.contract.deletions import run_scheduled_deletions
from service.contract.job import JobKind
from service.contract.object_keys import checkpoint_key
from service.contract.records import ModelRecord, Upload, UploadPart, Variant, now
from tests.servers import Installation, postgres_installation
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest, open_worker, settings_of
from tests.workers.test_interruptions import supervising
from workers import obstacles, outcome_writes
from workers.lease import Lease
from workers.supervisor import supervise


@contextmanager
def store_away(worker: WorkerUnderTest) -> Iterator[None]:
    folder = worker.context.settings.data_dir / "store"
    folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        folder.with_name("elsewhere").rename(folder)


def allow(worker: WorkerUnderTest, name: str) -> None:
    """Let the child go on that waits for a file of this name."""
    (folder,) = worker.context.settings.work_dir.glob("job_*/child")
    (folder / name).touch()


def parts(worker: WorkerUnderTest, job_id: str) -> int:
    upload_id = worker.record(ModelRecord, worker.row(job_id).model_id).upload_id
    with worker.context.sessions() as session:
        return session.query(UploadPart).filter_by(upload_id=upload_id).count()


def test_a_job_waits_for_the_store_and_nothing_is_counted(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    with store_away(worker):
        assert "store" in obstacles.find(worker.context)
        supervise(job_id, worker.context)
        job = worker.row(job_id)
        assert (job.state, job.failures, job.error) == ("queued", 0, None)
        assert job.postponed_since is not None
    assert obstacles.find(worker.context) == ""
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "queued"
    worker.end_pause(job_id)
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "succeeded"


def test_results_wait_for_the_store(worker: WorkerUnderTest) -> None:
    job_id = worker.job(wait_before={"report": "go"})
    last = checkpoint_key(job_id, 1, 2)
    with supervising(job_id, worker):
        eventually(lambda: worker.row(job_id).checkpoint_key == last)
        with store_away(worker):
            allow(worker, "go")
            eventually(
                lambda: list(worker.context.settings.work_dir.glob("job_*/child/report.json"))
            )
    job = worker.row(job_id)
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert len(worker.rows(Variant, job_id)) == 3


def test_a_checkpoint_waits_for_the_store(worker: WorkerUnderTest) -> None:
    job_id = worker.job(epochs=3, wait_before={"2": "go", "report": "finish"})
    with supervising(job_id, worker):
        eventually(lambda: worker.row(job_id).checkpoint_key)
        with store_away(worker):
            allow(worker, "go")
            eventually(lambda: worker.row(job_id).progress >= 0.3)
        third = checkpoint_key(job_id, 1, 3)
        eventually(lambda: worker.row(job_id).checkpoint_key == third)
        allow(worker, "finish")
    assert worker.row(job_id).state == "succeeded"


@pytest.fixture
def postgres() -> Iterator[Installation]:
    with postgres_installation() as installation:
        yield installation


def test_a_database_that_is_away_for_longer_than_a_lease_costs_no_epoch(
    postgres: Installation, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_url=postgres.url, lease_seconds=1)
    with postgres.running() as process:
        worker = open_worker(settings)
        job_id = worker.job(epochs=4, wait_before={"2": "go"})
        thread = threading.Thread(target=supervise, args=(job_id, worker.context))
        thread.start()
        eventually(lambda: worker.row(job_id).checkpoint_key)
        process.send_signal(signal.SIGINT)
        process.wait(20)
    allow(worker, "go")
    eventually(lambda: list(settings.data_dir.glob("store/jobs/*/attempt-1/small.tflite")))
    with postgres.running():
        thread.join(40)
        job = worker.row(job_id)
        assert (job.state, job.attempts) == ("succeeded", 1)
        assert worker.told(job_id)["run"] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", [JobKind.COMPRESSION, JobKind.MODEL_INSPECTION])
def test_after_hours_the_job_fails_and_the_upload_stays(
    worker: WorkerUnderTest, kind: JobKind
) -> None:
    job_id = worker.job(kind)
    patience = worker.context.settings.outage_patience_seconds
    worker.change(job_id, postponed_since=now() - timedelta(seconds=patience + 1))
    with store_away(worker):
        supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", "storage_unavailable")
    assert parts(worker, job_id) == 2


def test_an_outage_counts_from_the_last_checkpoint_on(worker: WorkerUnderTest) -> None:
    """One that was over hours ago does not count for the next one."""
    full = 'say(type="error", code="disk_full", message="m", hint="h"); sys.exit(2)'
    job_id = worker.job(before_report=full)
    patience = worker.context.settings.outage_patience_seconds
    worker.change(job_id, postponed_since=now() - timedelta(seconds=patience + 1))
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert (job.state, job.checkpoint_key) == ("queued", checkpoint_key(job_id, 1, 2))


def test_a_job_that_does_not_fit_on_the_disk_waits_and_nothing_is_fetched(
    worker: WorkerUnderTest,
) -> None:
    job_id, other = worker.job(JobKind.MODEL_INSPECTION), worker.job()
    with worker.context.sessions.begin() as session:
        record = session.get_one(ModelRecord, worker.row(job_id).model_id)
        session.get_one(Upload, record.upload_id).bytes = 10**15
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert (job.state, job.failures) == ("queued", 0) and job.not_before is not None
    assert parts(worker, job_id) == 2
    supervise(other, worker.context)
    assert worker.row(other).state == "succeeded"


def test_a_child_that_finds_the_disk_full_does_not_reject_the_upload(
    worker: WorkerUnderTest,
) -> None:
    full = {"code": "disk_full", "message": "The worker's disk is full.", "hint": "Free space."}
    job_id = worker.job(JobKind.MODEL_INSPECTION, refuse=full)
    supervise(job_id, worker.context)
    assert (worker.row(job_id).state, worker.row(job_id).failures) == ("queued", 0)
    assert worker.record(ModelRecord, worker.row(job_id).model_id).state == "validating"


def test_failures_count_from_the_last_checkpoint_on(worker: WorkerUnderTest) -> None:
    job_id = worker.job(epochs=6, epochs_to_live=1)
    supervise(job_id, worker.context)
    while worker.row(job_id).state == "queued":
        assert worker.row(job_id).failures == 1
        worker.end_pause(job_id)
        supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert (job.state, job.attempts) == ("succeeded", 6)
    assert worker.told(job_id)["run"] == [6]


def test_each_crash_makes_the_job_wait_for_longer(worker: WorkerUnderTest) -> None:
    job_id, pauses = worker.job(die_at=1, always=True), []
    for _ in range(2):
        supervise(job_id, worker.context)
        not_before = worker.row(job_id).not_before
        assert not_before is not None
        pauses.append((not_before - now()).total_seconds())
        worker.end_pause(job_id)
    assert 4 < pauses[0] <= 5 and 9 < pauses[1] <= 10


def test_results_stay_when_the_answer_to_the_last_commit_was_lost(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    supervise(job_id, worker.context)
    before = worker.stored(job_id)
    outcome_writes.abandon(Lease(worker.context.sessions, job_id, "unknown", 1, 3))
    run_scheduled_deletions(worker.context.sessions, worker.context.store)
    assert worker.stored(job_id) == before != []


def test_a_file_whose_reading_does_not_end_is_refused(worker: WorkerUnderTest) -> None:
    endless = (
        "from workers.compression.time_limit import must_end_within\n"
        "with must_end_within(1):\n    while True: pass"
    )
    job_id = worker.job(JobKind.MODEL_INSPECTION, before_report=endless)
    supervise(job_id, worker.context)
    record = worker.record(ModelRecord, worker.row(job_id).model_id)
    assert (record.state, record.error["code"]) == ("rejected", "truncated_model")
    assert parts(worker, job_id) == 0


@pytest.mark.parametrize(
    "limits",
    [{"inspection_idle_seconds": 0.6}, {"inspection_seconds_per_gib": 1e-9}],
)
def test_an_inspection_without_end_is_ended_and_may_be_tried_again(
    tmp_path: Path, limits: dict[str, Any]
) -> None:
    worker = open_worker(settings_of(tmp_path, **{"inspection_idle_seconds": 1, **limits}))
    job_id = worker.job(JobKind.MODEL_INSPECTION, hold_at=1)
    supervise(job_id, worker.context)
    record = worker.record(ModelRecord, worker.row(job_id).model_id)
    assert (record.state, record.error["code"]) == ("rejected", "inspection_timed_out")
    assert parts(worker, job_id) == 2
