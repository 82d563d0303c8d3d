"""An account takes as much as its quotas allow, also when requests come at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import select, update
from starlette.testclient import TestClient

from service.accounts import accounts
from service.app import create_app
from service.app_context import AppContext
from service.caller import Caller
from service.contract.errors import QuotaExceeded
from service.contract.job import JobState
from service.contract.records import Account, Job, now
from service.contract.settings import Settings
from service.contract.views import NewUpload
from service.uploads import uploads
from tests.service import stand_in
from tests.service.accounts import key_of
from tests.service.accounts.limits import limit


def exceeded(answer: Any, name: str, *figures: str) -> None:
    """The answer says which quota, its limit and its use."""
    assert key_of.refusal(answer) == (403, "quota_exceeded"), answer.text
    for word in (name, *figures):
        assert word in answer.json()["detail"]


def announce(api: Client, size: int) -> Any:
    return api.post("/v1/uploads", json={"filename": "a", "bytes": size})


def worked(context: AppContext, job_id: str, minutes: float) -> None:
    """The job has ended now, after so many minutes."""
    times = {"started_at": now() - timedelta(minutes=minutes), "finished_at": now()}
    with context.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(times))


def test_an_account_shows_its_limits_and_their_use(api: Client, context: AppContext) -> None:
    limit(context, stored_bytes=1000, keys=5)
    stand_in.submit(api, context)
    announce(api, 100)
    account = api.get("/v1/account").json()
    assert account["name"] == "first" and account["suspended_at"] is None
    none = {"open_uploads": None, "unfinished_jobs": None, "worker_minutes": None}
    assert account["retention_days"] is None
    assert account["limits"] == {"stored_bytes": 1000, "keys": 5, **none}
    stored = 100 + 2 * len(b"bytes of a model")
    assert account["use"] == {
        "stored_bytes": stored,
        "open_uploads": 1,
        "unfinished_jobs": 1,
        "worker_minutes": 0.0,
        "keys": 1,
    }


def test_defaults_come_from_the_settings_and_an_account_may_differ(embedded: Settings) -> None:
    settings = embedded.model_copy(update={"quota_keys": 1})
    with TestClient(create_app(settings)) as api:
        context: AppContext = api.app.state.context  # type: ignore[attr-defined]
        secret = accounts.open_account(context.sessions, "first")
        api.headers["Authorization"] = f"Bearer {secret}"
        exceeded(api.post("/v1/keys", json={"name": "k"}), "keys", "is 1:", "1 are in use")
        limit(context, keys=0)
        assert api.get("/v1/account").json()["limits"]["keys"] is None
        key_of.create(api)
        limit(context, keys=None)
        exceeded(api.post("/v1/keys", json={"name": "k"}), "keys", "is 1:", "2 are in use")


def test_stored_bytes_and_open_uploads(api: Client, context: AppContext) -> None:
    limit(context, stored_bytes=100, open_uploads=2)
    first = announce(api, 60).json()["id"]
    exceeded(announce(api, 41), "stored_bytes", "100", "60", "41")
    assert announce(api, 30).status_code == 201
    exceeded(announce(api, 1), "open_uploads", "is 2:")
    assert api.delete(f"/v1/uploads/{first}").status_code == 204
    assert announce(api, 70).status_code == 201


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_in_one_request_counts_as_it_arrives(
    api: Client, context: AppContext, announced: bool
) -> None:
    limit(context, stored_bytes=200_000)
    content = bytes(150_000)
    path = "/v1/models/upload?filename=net"
    sent: Any = {"content": content if announced else iter([content])}
    assert api.post(path, **sent).status_code == 201
    sent = {"content": content if announced else iter([content])}
    exceeded(api.post(path, **sent), "stored_bytes", "200,000", "150,000")
    assert len(api.get("/v1/uploads").json()["items"]) == 1
    assert api.get("/v1/account").json()["use"]["stored_bytes"] == 150_000


def test_the_file_of_a_rejected_model_does_not_count(api: Client, context: AppContext) -> None:
    record = stand_in.upload(api, "models")
    stand_in.inspected(context, record["id"], {"code": "c", "message": "m", "hint": "h"})
    assert api.get("/v1/account").json()["use"]["stored_bytes"] == 0


def test_unfinished_jobs(api: Client, context: AppContext) -> None:
    limit(context, unfinished_jobs=1)
    job = stand_in.submit(api, context)
    wanted = {name: job[name] for name in ("model_id", "dataset_id")}
    exceeded(api.post("/v1/jobs", json=wanted), "unfinished_jobs", "is 1:")
    stand_in.move(context, job["id"], JobState.RUNNING)
    exceeded(api.post("/v1/jobs", json=wanted), "unfinished_jobs")
    stand_in.move(context, job["id"], JobState.FAILED)
    assert api.post("/v1/jobs", json=wanted).status_code == 201


def test_worker_minutes_of_a_month_stay_used_when_the_job_is_deleted(
    api: Client, context: AppContext
) -> None:
    limit(context, worker_minutes=30)
    jobs = [stand_in.submit(api, context) for _ in range(2)]
    wanted = {name: jobs[0][name] for name in ("model_id", "dataset_id")}
    since_the_first = (now() - datetime.now(UTC).replace(day=1, hour=0, minute=0)).total_seconds()
    minutes = [min(each, since_the_first / 60) for each in (20.0, 15.0)]
    for job, duration in zip(jobs, minutes, strict=True):
        stand_in.move(context, job["id"], JobState.FAILED)
        worked(context, job["id"], duration)
    for job in jobs:
        use = api.get("/v1/account").json()["use"]["worker_minutes"]
        assert use == pytest.approx(sum(minutes), abs=0.2)
        exceeded(api.post("/v1/jobs", json=wanted), "worker_minutes", "is 30:")
        assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert api.get("/v1/account").json()["use"]["worker_minutes"] == use


def test_a_running_job_counts_until_now_and_an_earlier_month_does_not(
    api: Client, context: AppContext
) -> None:
    running, old = (stand_in.submit(api, context)["id"] for _ in range(2))
    stand_in.move(context, running, JobState.RUNNING, started_at=now() - timedelta(minutes=3))
    last_month = now().replace(day=1) - timedelta(days=2)
    times = {"started_at": last_month - timedelta(hours=1), "finished_at": last_month}
    stand_in.move(context, old, JobState.FAILED, **times)
    since_the_first = (now() - datetime.now(UTC).replace(day=1, hour=0, minute=0)).total_seconds()
    use = api.get("/v1/account").json()["use"]["worker_minutes"]
    assert use == pytest.approx(min(3, since_the_first / 60), abs=0.2)


def test_requests_at_once_do_not_share_the_last_place(api: Client, context: AppContext) -> None:
    limit(context, open_uploads=3)
    with context.sessions() as session:
        caller = Caller(session.scalars(select(Account.id)).one(), "key_0", frozenset())

    def take(_: int) -> bool:
        try:
            uploads.create(context, caller, NewUpload(filename="a", bytes=1))
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as together:
        assert sorted(together.map(take, range(16))) == [False] * 13 + [True] * 3
    assert len(api.get("/v1/uploads").json()["items"]) == 3
