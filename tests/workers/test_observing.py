"""What a worker counts: each ended attempt by its outcome, as the job's row tells it."""

import threading
from typing import Any

import pytest

from service.contract.job import JobKind
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest
from workers.observing import supervise

REFUSAL = {"code": "lambda_layer", "message": "m", "hint": "h"}


def counted(worker: WorkerUnderTest) -> dict[tuple[str, str, str], float]:
    """(kind, outcome, code) -> attempts."""
    [family] = worker.context.metrics.attempts.collect()
    return {
        (each.labels["kind"], each.labels["outcome"], each.labels["code"]): each.value
        for each in family.samples
        if each.name.endswith("_total")
    }


def figure(worker: WorkerUnderTest, name: str, **labels: str) -> float | None:
    return worker.context.metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        ({}, "succeeded", ""),
        ({"refuse": REFUSAL}, "failed", "lambda_layer"),
        ({"epochs": 4, "die_at": 3}, "requeued", ""),
    ],
)
def test_an_attempt_is_counted_by_its_outcome(
    worker: WorkerUnderTest, behaviour: dict[str, Any], outcome: str, code: str
) -> None:
    supervise(worker.job(**behaviour), worker.context)
    assert counted(worker) == {("compression", outcome, code): 1}
    assert figure(worker, "l2c_worker_attempt_seconds_count", kind="compression") == 1


def test_inspections_are_counted_by_their_kind(worker: WorkerUnderTest) -> None:
    supervise(worker.job(JobKind.MODEL_INSPECTION), worker.context)
    assert counted(worker) == {("model_inspection", "succeeded", ""): 1}


def test_a_cancelled_job_is_counted(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.change(job_id, cancel_requested=True)
    supervise(job_id, worker.context)
    assert counted(worker) == {("compression", "cancelled", ""): 1}


def test_what_another_worker_has_done_is_not_counted(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    supervise(job_id, worker.context)
    supervise(job_id, worker.context)
    supervise("job_that_never_was", worker.context)
    assert sum(counted(worker).values()) == 1


def test_a_lost_lease_is_counted_and_the_worker_is_busy_until_then(
    worker: WorkerUnderTest,
) -> None:
    job_id = worker.job(hold_at=1)
    attempt = threading.Thread(target=supervise, args=(job_id, worker.context))
    attempt.start()
    eventually(lambda: worker.pids(job_id))
    assert figure(worker, "l2c_worker_busy") == 1
    worker.change(job_id, lease_token="of another worker", attempts=2)
    attempt.join(20)
    assert figure(worker, "l2c_worker_busy") == 0
    assert counted(worker) == {("compression", "lease_lost", ""): 1}


def test_an_attempt_that_breaks_off_is_counted(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    for part in (worker.context.settings.data_dir / "store" / "uploads").rglob("*"):
        if part.is_file():
            part.unlink()
            part.mkdir()
    with pytest.raises(IsADirectoryError):
        supervise(job_id, worker.context)
    assert counted(worker) == {("compression", "broke_off", ""): 1}
