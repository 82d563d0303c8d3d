"""Attempts with a real child: what is in the row, the store and the work folder afterwards."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from service.contract.job import JobKind
from service.contract.object_keys import part_key
from service.contract.records import DatasetRecord, ModelRecord, Variant
from tests.workers.conftest import PARTS, WorkerUnderTest, open_worker, settings_of, use_up_attempts
from tests.workers.scripted_child import EXAMPLES
from workers.supervisor import supervise

WHOLE = hashlib.sha256(b"".join(PARTS)).hexdigest()


@pytest.fixture(params=["embedded", "production"])
def either_worker(request: pytest.FixtureRequest, tmp_path: Path) -> WorkerUnderTest:
    if request.param == "embedded":
        return open_worker(settings_of(tmp_path))
    database, s3 = request.getfixturevalue("postgres_database"), request.getfixturevalue("s3")
    return open_worker(settings_of(tmp_path, database_url=database, **s3))


def test_an_honest_child_ends_in_variants_that_can_be_downloaded(
    either_worker: WorkerUnderTest,
) -> None:
    worker, job_id = either_worker, either_worker.job()
    supervise(job_id, worker.context)
    job, variants = worker.row(job_id), worker.rows(Variant, job_id)
    assert (job.state, job.progress, job.attempts, job.lease_token) == ("succeeded", 1.0, 1, None)
    assert worker.told(job_id)["inputs"] == {"model": WHOLE, "dataset": WHOLE}
    assert sorted(variant.name for variant in variants) == ["large", "medium", "small"]
    for variant in variants:
        content = b"".join(worker.context.store.read(variant.key))
        assert (variant.bytes, variant.sha256) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        assert variant.metrics["top1"] == variant.top1 == 0.9
    assert (
        b"".join(worker.context.store.read(f"{job.artifacts_prefix}accuracy_over_bytes.svg"))
        == b"<svg/>"
    )
    assert [event["state"] for event in worker.events(job_id, "state")] == ["running", "succeeded"]


def test_a_child_that_dies_is_tried_again_from_its_checkpoint(
    either_worker: WorkerUnderTest,
) -> None:
    worker, job_id = either_worker, either_worker.job(epochs=4, die_at=3)
    supervise(job_id, worker.context)
    waiting = worker.row(job_id)
    assert (waiting.state, waiting.attempts, waiting.lease_token, waiting.error) == (
        "queued",
        1,
        None,
        None,
    )
    assert waiting.checkpoint_key is not None
    supervise(job_id, worker.context)
    assert worker.row(job_id).attempts == 1
    worker.end_pause(job_id)
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert (job.state, job.attempts, job.checkpoint_key) == ("succeeded", 2, None)
    assert worker.told(job_id)["run"] == [3, 4]
    assert len(worker.rows(Variant, job_id)) == 3
    with pytest.raises(FileNotFoundError):
        worker.context.store.size(waiting.checkpoint_key)


def test_the_cap_holds_where_no_work_folder_can_be_made(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.change(job_id, failures=worker.context.settings.max_attempts)
    worker.context.settings.work_dir.rmdir()
    worker.context.settings.work_dir.touch()
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None and (job.state, job.error["code"]) == ("failed", "engine_crashed")


def test_nothing_else_is_left_behind(worker: WorkerUnderTest) -> None:
    job_id = worker.job(epochs=3)
    supervise(job_id, worker.context)
    prefix = f"jobs/{job_id}/attempt-1"
    files = ["accuracy_over_bytes.svg", "large.tflite", "medium.tflite", "small.tflite"]
    assert worker.stored(job_id) == [f"{prefix}/{file}" for file in files]
    assert worker.work_folders() == []


def test_a_finished_job_is_not_done_again(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    for _ in range(2):
        supervise(job_id, worker.context)
    assert worker.row(job_id).attempts == 1


def test_of_many_supervisors_one_does_the_job(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    together = [threading.Thread(target=supervise, args=(job_id, worker.context)) for _ in range(6)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(30)
    assert (worker.row(job_id).state, worker.row(job_id).attempts) == ("succeeded", 1)


def test_a_typed_refusal_fails_the_job_at_once(worker: WorkerUnderTest) -> None:
    error = {"code": "one_class", "message": "Only the class cat.", "hint": "Add a second folder."}
    job_id = worker.job(refuse=error)
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert (job.state, job.error, job.attempts) == ("failed", error, 1)
    assert worker.events(job_id, "state")[-1] == {"state": "failed", "error": error}
    assert worker.work_folders() == [] and worker.stored(job_id) == []


@pytest.mark.parametrize(("kind", "table"), [("model", ModelRecord), ("dataset", DatasetRecord)])
def test_an_inspection_makes_the_record_ready(
    worker: WorkerUnderTest, kind: str, table: Any
) -> None:
    job_id = worker.job(JobKind(f"{kind}_inspection"))
    supervise(job_id, worker.context)
    record = worker.record(table, getattr(worker.row(job_id), f"{kind}_id"))
    found = EXAMPLES[f"{kind}_inspection"]
    assert (record.state, record.description, record.error) == ("ready", found, None)
    assert worker.row(job_id).state == "succeeded"
    assert len(list((worker.context.settings.data_dir / "store" / "uploads").rglob("0*"))) == len(
        PARTS
    )


@pytest.mark.parametrize(("kind", "table"), [("model", ModelRecord), ("dataset", DatasetRecord)])
def test_an_inspection_that_refuses_rejects_the_record(
    worker: WorkerUnderTest, kind: str, table: Any
) -> None:
    error = {"code": "truncated_model", "message": "It ends early.", "hint": "Upload it again."}
    job_id = worker.job(JobKind(f"{kind}_inspection"), refuse=error)
    supervise(job_id, worker.context)
    record = worker.record(table, getattr(worker.row(job_id), f"{kind}_id"))
    assert (record.state, record.error) == ("rejected", error)
    assert not list((worker.context.settings.data_dir / "store" / "uploads").rglob("0*"))


def test_an_inspection_that_always_crashes_rejects_the_record_after_the_last_attempt(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(JobKind.MODEL_INSPECTION, die_at=1, always=True)
    use_up_attempts(worker, job_id)
    record = worker.record(ModelRecord, worker.row(job_id).model_id)
    assert (record.state, record.error["code"]) == ("rejected", "engine_crashed")


def test_a_job_that_kills_its_child_every_time_fails_in_the_end_and_names_memory(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(die_at=1, always=True)
    use_up_attempts(worker, job_id)
    job = worker.row(job_id)
    assert (job.state, job.attempts) == ("failed", worker.context.settings.max_attempts)
    assert (
        job.error is not None
        and job.error["code"] == "engine_crashed"
        and "memory" in job.error["hint"]
    )
    assert worker.stored(job_id) == []


def test_a_part_that_is_gone_fails_the_job(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    upload = worker.record(ModelRecord, worker.row(job_id).model_id).upload_id
    worker.context.store.delete(f"uploads/{upload}/000002")
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None and (job.state, job.error["code"]) == ("failed", "storage_lost")


def test_a_part_that_was_changed_fails_the_job(worker: WorkerUnderTest, tmp_path: Path) -> None:
    job_id = worker.job()
    upload = worker.record(ModelRecord, worker.row(job_id).model_id).upload_id
    (tmp_path / "other").write_bytes(b"Second part")
    worker.context.store.put(
        part_key(upload, 2, hashlib.sha256(PARTS[1]).hexdigest()), tmp_path / "other"
    )
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None and job.error["code"] == "storage_lost"


def test_a_checkpoint_that_is_gone_only_costs_its_epochs(worker: WorkerUnderTest) -> None:
    job_id = worker.job(epochs=3)
    worker.change(job_id, checkpoint_key=f"jobs/{job_id}/checkpoints/1-2.npz")
    supervise(job_id, worker.context)
    assert worker.told(job_id)["run"] == [1, 2, 3]


def test_a_job_that_takes_too_long_fails(tmp_path: Path) -> None:
    worker = open_worker(settings_of(tmp_path, job_timeout_seconds=0.5))
    job_id = worker.job(hold_at=1)
    supervise(job_id, worker.context)
    job = worker.row(job_id)
    assert job.error is not None and (job.state, job.error["code"], job.attempts) == (
        "failed",
        "timed_out",
        1,
    )
