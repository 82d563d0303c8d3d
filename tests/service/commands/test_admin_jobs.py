"""``l2c admin jobs`` and ``l2c admin workers``, across accounts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from httpx import Client
from sqlalchemy import update

from service.app_context import AppContext
from service.contract.job import JobError, JobState
from service.contract.job_end import end_job
from service.contract.records import Job, ModelRecord, WorkerRecord, now
from tests.learn2compress.cli.conftest import ok, refused
from tests.service import stand_in
from tests.service.commands.conftest import Admin

CRASHED = JobError(code="engine_crashed", message="It crashed.", hint="Try again.")


def fail(context: AppContext, job_id: str) -> None:
    stand_in.move(context, job_id, JobState.RUNNING, attempts=3, failures=3, started_at=now())
    with context.sessions.begin() as session:
        assert end_job(session, (Job.id == job_id,), JobState.FAILED, CRASHED)


def row(context: AppContext, job_id: str) -> Job:
    with context.sessions() as session:
        return session.get_one(Job, job_id)


def test_jobs_of_all_accounts_are_listed(api: Client, context: AppContext, admin: Admin) -> None:
    secret = admin("accounts", "create", "ann").stdout.strip()
    first = stand_in.submit(api, context)["id"]
    fail(context, first)
    api.headers["Authorization"] = f"Bearer {secret}"
    second = stand_in.submit(api, context)["id"]
    listed = ok(admin("jobs", "list", "--json"))
    jobs = [each for each in listed if each["kind"] == "compression"]
    assert [(each["id"], each["account"]) for each in jobs] == [(second, "ann"), (first, "first")]
    assert len(listed) == 6
    [failed] = ok(admin("jobs", "list", "--state", "failed", "--json"))
    assert (failed["id"], failed["code"]) == (first, "engine_crashed")
    assert [each["account"] for each in ok(admin("jobs", "list", "--limit", "1", "--json"))]
    table = admin("jobs", "list", "--account", "ann").stdout
    assert second in table and first not in table
    refused(admin("jobs", "list", "--state", "lost"), 2, "lost")


def test_a_job_of_any_account_is_cancelled(api: Client, context: AppContext, admin: Admin) -> None:
    job_id = stand_in.submit(api, context)["id"]
    assert ok(admin("jobs", "cancel", job_id, "--json"))["state"] == "cancelled"
    assert api.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"
    [entry] = api.get("/v1/audit", params={"action": "job.cancel"}).json()["items"]
    assert (entry["actor"], entry["object_id"]) == ("operator", job_id)
    refused(admin("jobs", "cancel", job_id), 4, "illegal_move")
    refused(admin("jobs", "cancel", "job_0"), 4, "not_found", "l2c admin jobs list")


def test_a_failed_job_is_requeued_and_succeeds(
    api: Client, context: AppContext, admin: Admin, tmp_path: Path
) -> None:
    job_id = stand_in.submit(api, context)["id"]
    refused(admin("jobs", "requeue", job_id), 4, "illegal_move", "queued")
    fail(context, job_id)
    again = ok(admin("jobs", "requeue", job_id, "--json"))
    assert (again["state"], again["failures"], again["code"]) == ("queued", 0, None)
    job = row(context, job_id)
    assert (job.finished_at, job.started_at, job.notified_at) == (None, None, None)
    shown: Any = api.get(f"/v1/jobs/{job_id}").json()
    assert (shown["state"], shown["error"]) == ("queued", None)
    [entry] = api.get("/v1/audit", params={"action": "job.requeue"}).json()["items"]
    assert (entry["actor"], entry["object_id"]) == ("operator", job_id)
    stand_in.succeed(context, job_id, tmp_path)
    events = api.get(f"/v1/jobs/{job_id}/events").text
    assert events.count('"queued"') >= 2 and '"succeeded"' in events


def test_a_job_whose_inputs_are_gone_stays_failed(
    api: Client, context: AppContext, admin: Admin
) -> None:
    deleted, refused_model = (stand_in.submit(api, context) for _ in range(2))
    for job in (deleted, refused_model):
        fail(context, job["id"])
    assert api.delete(f"/v1/datasets/{deleted['dataset_id']}").status_code == 204
    refused(admin("jobs", "requeue", deleted["id"]), 4, "conflict", "dataset")
    with context.sessions.begin() as session:
        rejected = update(ModelRecord).where(ModelRecord.id == refused_model["model_id"])
        session.execute(rejected.values(state="rejected"))
    refused(admin("jobs", "requeue", refused_model["id"]), 4, "conflict", "model")
    assert row(context, deleted["id"]).state == "failed"


def test_workers_are_listed_and_drained(api: Client, context: AppContext, admin: Admin) -> None:
    seen = {"idle": 0, "busy": 0, "lost": 60}
    with context.sessions.begin() as session:
        for name, seconds in seen.items():
            at = now() - timedelta(seconds=seconds)
            told = {
                "host": "host",
                "version": "1",
                "sandbox": "Landlock 5",
                "device": "gpu",
                "started_at": at,
            }
            job_id = "job_1" if name == "busy" else None
            session.add(WorkerRecord(id=name, seen_at=at, job_id=job_id, draining=False, **told))
    listed = {each["id"]: each["state"] for each in ok(admin("workers", "list", "--json"))}
    assert listed == {name: name for name in seen}
    assert "gpu     Landlock 5" in admin("workers", "list").stdout
    assert ok(admin("workers", "drain", "idle", "--json"))["state"] == "draining"
    refused(admin("workers", "drain", "nobody"), 4, "not_found", "l2c admin workers list")
