"""Deleting jobs, and the models and datasets that they used."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx import Client, Response
from sqlalchemy import func, inspect, select, text, update
from starlette.testclient import TestClient

from service.app_context import AppContext
from service.contract.deletions import run_scheduled_deletions, schedule_deletion
from service.contract.job import JobState
from service.contract.records import Deletion, Job, JobEvent, Variant
from service.contract.storage import Store
from tests.service import stand_in
from tests.waiting import eventually


def refused(answer: Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (409, code), answer.text
    assert answer.json()["hint"]


def count(context: AppContext, table: type) -> int:
    with context.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_deleted_job_is_gone_with_its_variants_events_and_files(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = stand_in.submit(api, context)
    ids = stand_in.succeed(context, job["id"], tmp_path)
    assert len(stand_in.keys_below(context, f"jobs/{job['id']}/")) == 5
    assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
    for path in (f"/v1/jobs/{job['id']}", f"/v1/variants/{ids['small']}"):
        assert api.get(path).status_code == 404
    assert (count(context, Variant), count(context, JobEvent)) == (0, 0)
    eventually(lambda: not stand_in.keys_below(context, f"jobs/{job['id']}/"))
    assert api.delete(f"/v1/jobs/{job['id']}").status_code == 404


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_job_that_has_not_ended_cannot_be_deleted(
    api: Client, context: AppContext, state: JobState
) -> None:
    job = stand_in.submit(api, context)
    stand_in.move(context, job["id"], state)
    refused(api.delete(f"/v1/jobs/{job['id']}"), "illegal_move")
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == state


def test_what_a_deleted_job_used_can_be_deleted(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    paths = [f"/v1/models/{job['model_id']}", f"/v1/datasets/{job['dataset_id']}"]
    for path in paths:
        refused(api.delete(path), "conflict")
    assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert [api.delete(path).status_code for path in paths] == [204, 204]
    eventually(lambda: not stand_in.keys_below(context, "uploads/"))


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.FAILED])
def test_what_a_job_without_results_used_can_be_deleted(
    api: Client, context: AppContext, state: JobState
) -> None:
    job = stand_in.submit(api, context)
    stand_in.move(context, job["id"], state)
    assert api.delete(f"/v1/datasets/{job['dataset_id']}").status_code == 204
    shown = api.get(f"/v1/jobs/{job['id']}").json()
    assert (shown["dataset_id"], shown["model_id"]) == (None, job["model_id"])


def test_a_job_of_another_account_cannot_be_deleted(
    api: Client, context: AppContext, stranger: dict[str, str]
) -> None:
    job = stand_in.submit(api, context)
    stand_in.move(context, job["id"], JobState.FAILED)
    assert api.delete(f"/v1/jobs/{job['id']}", headers=stranger).status_code == 404
    assert api.get(f"/v1/jobs/{job['id']}").status_code == 200


class FailingStore:
    """A store that does not delete prefixes for which ``fails`` is true."""

    def __init__(self, store: Store, fails: Callable[[str], bool]):
        self._store, self._fails = store, fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, prefix: str) -> None:
        if self._fails(prefix):
            raise ConnectionError("the store does not answer")
        self._store.delete(prefix)


def test_a_deletion_that_always_fails_does_not_keep_back_the_others(
    web: TestClient, context: AppContext
) -> None:
    web.app.state.cleanup.stop()  # type: ignore[attr-defined]
    with context.sessions.begin() as session:
        schedule_deletion(session, "locked/1/", "locked/2/", "jobs/x/")
    store: Any = FailingStore(context.store, lambda prefix: prefix.startswith("locked/"))
    done = [run_scheduled_deletions(context.sessions, store) for _ in range(3)]
    assert sum(done) == 1
    with context.sessions() as session:
        assert set(session.scalars(select(Deletion.prefix))) == {"locked/1/", "locked/2/"}


# SQLite has one writer at a time, so there the two cannot meet.
@pytest.mark.parametrize("settings", ["postgresql-s3"], indirect=True)
def test_a_job_that_succeeds_while_it_is_deleted(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    """The deletion waits for the worker's transaction, then deletes what that has added."""
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    stand_in.move(context, job["id"], JobState.RUNNING)
    with context.sessions() as session, ThreadPoolExecutor(1) as thread:
        session.execute(update(Job).where(Job.id == job["id"]).values(state=JobState.SUCCEEDED))
        deletion = thread.submit(api.delete, f"/v1/jobs/{job['id']}")
        eventually(lambda: waits_for_a_lock(context))
        variant = session.scalars(select(Variant)).first()
        assert variant is not None
        session.add(copy_of(variant))
        session.commit()
        assert deletion.result().status_code == 204
    assert (count(context, Variant), count(context, Job)) == (0, 2)


def waits_for_a_lock(context: AppContext) -> bool:
    blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with context.sessions() as session:
        return bool(session.scalar(blocked))


def copy_of(variant: Variant) -> Variant:
    names = [column.key for column in inspect(Variant).columns if column.key != "id"]
    return Variant(**{name: getattr(variant, name) for name in names} | {"name": "another"})


def test_a_deletion_is_scheduled_only_if_its_transaction_commits(context: AppContext) -> None:
    with pytest.raises(RuntimeError), context.sessions.begin() as session:
        schedule_deletion(session, "jobs/x/")
        raise RuntimeError
    assert count(context, Deletion) == 0


def test_deleting_survives_a_store_that_is_down(
    api: Any, context: AppContext, tmp_path: Path
) -> None:
    """The request succeeds at once; the files go once the store answers again."""
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    with context.sessions() as session:
        assert session.get(Job, job["id"]) is not None
    failures = [True]
    failing = FailingStore(context.store, lambda prefix: bool(failures and failures.pop()))
    api.app.state.cleanup._delete = partial(run_scheduled_deletions, context.sessions, failing)
    assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
    eventually(lambda: not failures)
    assert stand_in.keys_below(context, f"jobs/{job['id']}/")
    context.delete_soon()
    eventually(lambda: not stand_in.keys_below(context, f"jobs/{job['id']}/"))
