"""What has been kept long enough goes, with its files; what is in use stays."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import select, update

from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.object_keys import job_prefix
from service.contract.records import DatasetRecord, Job, ModelRecord, WorkerTime, now
from service.jobs.retention import delete_expired
from tests.service import stand_in
from tests.service.accounts.limits import limit
from tests.waiting import eventually


def age(context: AppContext, days: float, *ids: str) -> None:
    """Move what these ids name so many days into the past."""
    moment = now() - timedelta(days=days)
    times: dict[Any, Any] = {Job: ("created_at", "finished_at")}
    times |= dict.fromkeys((ModelRecord, DatasetRecord), ("created_at", "last_used_at"))
    with context.sessions.begin() as session:
        for table, columns in times.items():
            change = update(table).where(table.id.in_(ids))
            session.execute(change.values(dict.fromkeys(columns, moment)))


def expire(context: AppContext) -> int:
    count = delete_expired(context.settings, context.sessions)
    context.delete_soon()
    return count


@pytest.fixture
def job(api: Client, context: AppContext, tmp_path: Path) -> Any:
    """A finished job, in an account that keeps things for ten days."""
    limit(context, retention_days=10)
    made = stand_in.submit(api, context)
    stand_in.succeed(context, made["id"], tmp_path)
    return made


def test_a_finished_job_goes_with_its_results_and_then_what_it_used(
    api: Client, context: AppContext, job: Any
) -> None:
    inputs = (job["model_id"], job["dataset_id"])
    assert expire(context) == 0
    age(context, 11, job["id"])
    assert expire(context) == 1
    assert api.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert api.get("/v1/variants").json()["items"] == []
    eventually(lambda: not stand_in.keys_below(context, job_prefix(job["id"])))
    assert api.get(f"/v1/models/{inputs[0]}").status_code == 200
    age(context, 11, *inputs)
    assert expire(context) == 2
    assert api.get("/v1/uploads").json()["items"] == []
    eventually(lambda: not stand_in.keys_below(context, "uploads/"))
    entries = api.get("/v1/audit", params={"limit": 3}).json()["items"]
    assert {entry["actor"] for entry in entries} == {"retention"}
    assert {entry["action"] for entry in entries} == {
        "job.delete",
        "model.delete",
        "dataset.delete",
    }


def test_what_is_in_use_or_was_used_lately_stays(
    api: Client, context: AppContext, job: Any
) -> None:
    again = api.post("/v1/jobs", json={n: job[n] for n in ("model_id", "dataset_id")}).json()
    age(context, 11, again["id"], job["model_id"], job["dataset_id"])
    for state in (JobState.QUEUED, JobState.RUNNING):
        stand_in.move(context, again["id"], state)
        assert expire(context) == 0
    stand_in.move(context, again["id"], JobState.FAILED, finished_at=now())
    assert expire(context) == 0
    for each in (job, again):
        api.delete(f"/v1/jobs/{each['id']}")
    with context.sessions.begin() as session:
        session.execute(update(ModelRecord).values(last_used_at=now()))
    assert expire(context) == 1
    assert len(api.get("/v1/models").json()["items"]) == 1
    assert api.get("/v1/datasets").json()["items"] == []


def test_a_new_job_is_a_use_of_its_model_and_dataset(
    api: Client, context: AppContext, job: Any
) -> None:
    with context.sessions() as session:
        for table in (ModelRecord, DatasetRecord):
            assert session.scalars(select(table.last_used_at)).one() is not None


def test_an_account_that_keeps_for_ever_keeps(api: Client, context: AppContext, job: Any) -> None:
    age(context, 1000, job["id"], job["model_id"], job["dataset_id"])
    limit(context, retention_days=None)
    assert expire(context) == 0
    assert api.get("/v1/account").json()["retention_days"] is None
    settings = context.settings.model_copy(update={"retention_days": 999})
    assert delete_expired(settings, context.sessions) == 3
    assert api.get("/v1/jobs").json()["items"] == []


def test_worker_time_of_a_job_that_went_stays_used(
    api: Client, context: AppContext, job: Any
) -> None:
    limit(context, retention_days=1)
    with context.sessions.begin() as session:
        started = now() - timedelta(days=1, seconds=90)
        times = {"started_at": started, "finished_at": started + timedelta(seconds=60)}
        session.execute(update(Job).where(Job.id == job["id"]).values(times))
    assert expire(context) == 1
    with context.sessions() as session:
        kept = session.scalar(select(WorkerTime.seconds))
    assert kept == pytest.approx(60, abs=1) or started.month != now().month
