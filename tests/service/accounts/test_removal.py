"""An account is deleted with everything: no row and no file of it is left."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import func, select, update

from service.accounts import accounts
from service.accounts.operations import Operations
from service.app_context import AppContext
from service.contract.errors import Conflict, NotFound
from service.contract.job import JobState
from service.contract.records import Base, Job, WorkerTime, now
from tests.service import stand_in
from tests.service.accounts import key_of
from tests.waiting import eventually


def rows(context: AppContext) -> dict[str, int]:
    with context.sessions() as session:
        return {
            name: session.scalars(select(func.count()).select_from(table)).one()
            for name, table in Base.metadata.tables.items()
        }


def files(context: AppContext) -> set[str]:
    return set(stand_in.keys_below(context, ""))


def operations(context: AppContext) -> Operations:
    return Operations(context.settings, context.sessions)


def fill(api: Client, context: AppContext, folder: Path) -> Any:
    """Something of everything; the job that is still queued."""
    done, queued = (stand_in.submit(api, context) for _ in range(2))
    stand_in.progress(context, done["id"], 0.5)
    stand_in.succeed(context, done["id"], folder)
    key_of.create(api, job_id=done["id"])
    once = {"Idempotency-Key": "a"}
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}, headers=once).json()["id"]
    api.put(f"/v1/uploads/{upload}/parts/1", content=b"abc")
    api.post("/v1/webhooks", json={"url": "https://nowhere.invalid/"})
    ended = stand_in.submit(api, context)["id"]
    assert api.post(f"/v1/jobs/{ended}/cancel").status_code == 200
    stand_in.upload(api, "models")
    with context.sessions.begin() as session:
        account_id = session.get_one(Job, done["id"]).account_id
        session.add(WorkerTime(account_id=account_id, month="2026-01", seconds=1.0))
    return queued


def test_nothing_is_left_and_nothing_else_goes(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    fill(api, context, tmp_path)
    before = (rows(context), files(context))
    secret = accounts.open_account(context.sessions, "ann")
    first = api.headers["Authorization"]
    api.headers["Authorization"] = f"Bearer {secret}"
    fill(api, context, tmp_path)
    filled = rows(context)
    unused = {name for name, count in filled.items() if count <= before[0][name]}
    assert unused <= {"deletions", "workers"} and files(context) > before[1]
    operations(context).delete_account("ann", wait_seconds=0)
    context.delete_soon()
    eventually(lambda: (rows(context), files(context)) == before)
    assert api.get("/v1/jobs").status_code == 401
    assert api.get("/v1/jobs", headers={"Authorization": first}).status_code == 200
    with pytest.raises(NotFound):
        operations(context).delete_account("ann", wait_seconds=0)


def test_it_waits_until_workers_have_ended_its_jobs(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = fill(api, context, tmp_path)
    held = {"lease_token": "t", "lease_expires_at": now() + timedelta(minutes=1)}
    stand_in.move(context, job["id"], JobState.RUNNING, **held)
    with pytest.raises(Conflict, match="1 jobs"):
        operations(context).delete_account("first", wait_seconds=0)
    assert key_of.refusal(api.get("/v1/jobs")) == (403, "account_suspended")
    with context.sessions() as session:
        states = {row.id: row.state for row in session.scalars(select(Job))}
        assert session.get_one(Job, job["id"]).cancel_requested
    assert JobState.QUEUED not in states.values()
    with context.sessions.begin() as session:
        lost = update(Job).where(Job.id == job["id"])
        session.execute(lost.values(lease_expires_at=now() - timedelta(seconds=1)))
    operations(context).delete_account("first", wait_seconds=0)
    left = {name for name, count in rows(context).items() if count}
    assert left <= {"deletions"}
    context.delete_soon()
    eventually(lambda: not files(context))
