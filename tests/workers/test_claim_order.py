"""Whose job is next: nobody waits for all jobs of somebody else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.contract.devices import Device
from service.contract.job import JobKind, JobState
from service.contract.records import Account, Job, now
from tests.workers.conftest import WorkerUnderTest, open_worker, settings_of
from workers.claim_order import next_compression, next_inspection
from workers.lease import claim

CPU, GPU = Device.CPU, Device.GPU


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> WorkerUnderTest:
    if request.param == "sqlite":
        return open_worker(settings_of(tmp_path))
    url = request.getfixturevalue("postgres_database")
    return open_worker(settings_of(tmp_path, database_url=url))


def account(worker: WorkerUnderTest, name: str) -> str:
    with worker.context.sessions.begin() as session:
        row = Account(name=name)
        session.add(row)
        session.flush()
        return row.id


def queue(worker: WorkerUnderTest, account_id: str, name: str, **values: Any) -> str:
    with worker.context.sessions.begin() as session:
        job = Job(account_id=account_id, name=name, **values)
        session.add(job)
        session.flush()
        return job.id


def take(worker: WorkerUnderTest, device: Device = CPU) -> str:
    """Claim the next compression of a worker with this device; its name."""
    job_id = next_compression(worker.context.sessions, device)
    assert job_id is not None
    claimed = claim(worker.context.sessions, job_id, 60)
    assert claimed is not None
    return claimed[1].name


def finish(worker: WorkerUnderTest, name: str) -> None:
    with worker.context.sessions.begin() as session:
        session.query(Job).filter_by(name=name).update({"state": JobState.SUCCEEDED})


def test_one_worker_serves_the_accounts_in_turn(either: WorkerUnderTest) -> None:
    many, few = account(either, "many"), account(either, "few")
    for number in range(5):
        queue(either, many, f"many-{number}")
    for number in range(2):
        queue(either, few, f"few-{number}")
    taken = []
    for _ in range(7):
        taken.append(take(either))
        finish(either, taken[-1])
    assert taken[:4] == ["many-0", "few-0", "many-1", "few-1"]
    assert taken[4:] == ["many-2", "many-3", "many-4"]
    assert next_compression(either.context.sessions, CPU) is None


def test_the_account_with_the_fewest_running_jobs_comes_first(either: WorkerUnderTest) -> None:
    many, few = account(either, "many"), account(either, "few")
    for number in range(4):
        queue(either, many, f"many-{number}")
    assert [take(either), take(either)] == ["many-0", "many-1"]
    queue(either, few, "few-0")
    queue(either, few, "few-1")
    assert [take(either), take(either), take(either)] == ["few-0", "few-1", "many-2"]


def test_priority_orders_the_jobs_of_one_account_only(either: WorkerUnderTest) -> None:
    eager, other = account(either, "eager"), account(either, "other")
    queue(either, eager, "eager-5")
    queue(either, eager, "eager-0", priority=0)
    queue(either, other, "other-9", priority=9)
    assert [take(either), take(either), take(either)] == ["eager-0", "other-9", "eager-5"]


def test_a_job_that_lost_its_worker_comes_before_all_others(either: WorkerUnderTest) -> None:
    first, second = account(either, "first"), account(either, "second")
    queue(either, first, "waiting")
    past = now() - timedelta(seconds=1)
    lost: dict[str, Any] = {"state": "running", "lease_token": "dead", "lease_expires_at": past}
    queue(either, second, "lost", priority=9, **lost)
    assert take(either) == "lost"


def test_neither_a_suspended_account_nor_a_job_in_a_pause_is_served(
    either: WorkerUnderTest,
) -> None:
    closed, open_ = account(either, "closed"), account(either, "open")
    with either.context.sessions.begin() as session:
        session.get_one(Account, closed).suspended_at = now()
    suspended = queue(either, closed, "suspended")
    inspection = JobKind.MODEL_INSPECTION
    queue(either, closed, "suspended inspection", kind=inspection)
    queue(either, open_, "paused", not_before=now() + timedelta(minutes=1))
    assert next_compression(either.context.sessions, CPU) is None
    assert next_inspection(either.context.sessions) is None
    assert claim(either.context.sessions, suspended, 60) is None
    waited = queue(either, open_, "waited", not_before=now() - timedelta(seconds=1))
    assert next_compression(either.context.sessions, CPU) == waited


def test_a_job_for_another_device_is_left_to_its_workers(either: WorkerUnderTest) -> None:
    owner = account(either, "owner")
    queue(either, owner, "first for gpu", device=GPU, priority=0)
    queue(either, owner, "later", priority=7)
    queue(either, owner, "for cpu", device=CPU, priority=6)
    assert [take(either, CPU), take(either, CPU)] == ["for cpu", "later"]
    assert next_compression(either.context.sessions, CPU) is None
    assert take(either, GPU) == "first for gpu"


def test_a_lost_job_goes_to_a_worker_with_its_device(either: WorkerUnderTest) -> None:
    past = now() - timedelta(seconds=1)
    lost: dict[str, Any] = {"state": "running", "lease_token": "dead", "lease_expires_at": past}
    queue(either, account(either, "owner"), "lost", device=GPU, **lost)
    assert next_compression(either.context.sessions, CPU) is None
    assert take(either, GPU) == "lost"


def test_accounts_are_served_in_turn_whichever_device_they_ask_for(
    either: WorkerUnderTest,
) -> None:
    many, few = account(either, "many"), account(either, "few")
    for number in range(3):
        queue(either, many, f"many-{number}", device=GPU)
    queue(either, few, "few-0")
    queue(either, few, "few-1", device=GPU)
    assert [take(either, GPU) for _ in range(4)] == ["many-0", "few-0", "many-1", "few-1"]


def test_inspections_have_an_order_of_their_own(either: WorkerUnderTest) -> None:
    owner = account(either, "owner")
    queue(either, owner, "job")
    inspections = [
        queue(either, owner, name, kind=JobKind.DATASET_INSPECTION) for name in ("a", "b")
    ]
    assert next_inspection(either.context.sessions) == inspections[0]
    assert take(either) == "job"
    assert next_compression(either.context.sessions, CPU) is None
