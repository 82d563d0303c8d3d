"""Each worker's process shows itself in the database, and takes no job when it is drained."""

import signal
from typing import Any

import pytest
from sqlalchemy import select, update

from service.contract.job import JobKind
from service.contract.records import WorkerRecord
from tests.waiting import eventually
from tests.workers.conftest import WorkerUnderTest
from tests.workers.test_loop import loop_process
from tests.workers.test_tasks import celery_worker, notify
from tests.workers.test_tasks import worker as production_worker  # noqa: F401
from workers.presence import Presence

LEVELS = ("namespaces", "landlock")
"""Of the sandboxes of workers that may start."""


def rows(worker: WorkerUnderTest) -> list[WorkerRecord]:
    with worker.context.sessions() as session:
        return list(session.scalars(select(WorkerRecord)))


def drain(worker: WorkerUnderTest) -> None:
    with worker.context.sessions.begin() as session:
        session.execute(update(WorkerRecord).values(draining=True))


def release(worker: WorkerUnderTest, job_id: str) -> None:
    """Let the child go on, which waits for a file."""
    work = worker.context.settings.work_dir
    [folder] = eventually(lambda: list(work.glob(f"{job_id}.*/child")))
    (folder / "go").touch()


def test_a_loop_is_shown_while_it_runs(worker: WorkerUnderTest) -> None:
    with loop_process(worker) as process:
        [row] = eventually(lambda: rows(worker))
        assert row.id.startswith(row.host) and row.version and row.sandbox in LEVELS
        job_id = worker.job(hold_at=1)
        eventually(lambda: rows(worker)[0].job_id == job_id)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert rows(worker) == []


def test_a_loop_that_is_drained_ends_its_job_and_takes_no_other(worker: WorkerUnderTest) -> None:
    with loop_process(worker):
        first = worker.job(wait_before={"report": "go"})
        eventually(lambda: rows(worker) and rows(worker)[0].job_id == first)
        drain(worker)
        second = worker.job()
        release(worker, first)
        eventually(lambda: worker.row(first).state == "succeeded")
        with pytest.raises(AssertionError):
            eventually(lambda: worker.row(second).state != "queued", seconds=2)
    with loop_process(worker):
        eventually(lambda: worker.row(second).state == "succeeded")


def test_a_celery_worker_is_shown_and_drained(production_worker: Any) -> None:  # noqa: F811
    worker: WorkerUnderTest = production_worker
    with celery_worker(worker.context.settings) as process:
        [row] = eventually(lambda: rows(worker), 40)
        assert row.sandbox in LEVELS
        first = worker.job(wait_before={"report": "go"})
        notify(worker, first)
        eventually(lambda: rows(worker)[0].job_id == first)
        drain(worker)
        second = worker.job()
        notify(worker, second)
        release(worker, first)
        eventually(lambda: worker.row(first).state == "succeeded")
        with pytest.raises(AssertionError):
            eventually(lambda: worker.row(second).state != "queued", seconds=3)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert rows(worker) == []


def test_an_inspection_of_a_celery_worker_is_shown_and_ends_when_it_is_drained(
    production_worker: Any,  # noqa: F811
) -> None:
    worker: WorkerUnderTest = production_worker
    first = worker.job(JobKind.MODEL_INSPECTION, wait_before={"report": "go"})
    with celery_worker(worker.context.settings):
        eventually(lambda: [row.job_id for row in rows(worker)] == [first], 40)
        drain(worker)
        second = worker.job(JobKind.MODEL_INSPECTION)
        release(worker, first)
        eventually(lambda: worker.row(first).state == "succeeded")
        eventually(lambda: rows(worker)[0].job_id is None)
        with pytest.raises(AssertionError):
            eventually(lambda: worker.row(second).state != "queued", seconds=3)


def test_two_processes_of_a_worker_share_its_row(worker: WorkerUnderTest) -> None:
    first = Presence()
    second = Presence(beside=first)
    for each in (first, second):
        each.start(worker.context.sessions)
        eventually(lambda: rows(worker))
    with second.doing("job_2"):
        with first.doing("job_1"):
            assert [row.job_id for row in rows(worker)] == ["job_2"]
        assert [row.job_id for row in rows(worker)] == ["job_2"]
    assert [row.job_id for row in rows(worker)] == [None]
    second.stop()
    assert [row.id for row in rows(worker)] == [first.id]
    first.stop()
    assert rows(worker) == []


def test_without_a_database_the_work_goes_on(worker: WorkerUnderTest) -> None:
    presence = Presence()
    presence.start(worker.context.sessions)
    eventually(lambda: rows(worker))
    with worker.context.sessions.begin() as session:
        session.connection().exec_driver_sql("DROP TABLE workers")
    with presence.doing("job_1"):
        assert not presence.draining()
    presence.stop()
