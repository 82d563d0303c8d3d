"""What a worker ends is told to webhooks, once and in the same transaction."""

import pytest
from sqlalchemy import select

from service.contract.job import JobKind
from service.contract.records import Webhook, WebhookDelivery
from service.contract.webhook_views import WEBHOOK_EVENTS
from tests.workers.conftest import WorkerUnderTest
from workers.supervisor import supervise


def told(worker: WorkerUnderTest, job_id: str) -> list[tuple[str, str]]:
    """Events and what they are of, after an attempt at the job."""
    with worker.context.sessions.begin() as session:
        account_id = worker.row(job_id).account_id
        session.add(Webhook(account_id=account_id, url="http://x/", events=list(WEBHOOK_EVENTS)))
    supervise(job_id, worker.context)
    with worker.context.sessions() as session:
        rows = session.scalars(select(WebhookDelivery))
        return [(row.event, row.object_id) for row in rows]


def test_the_success_of_a_job(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    assert told(worker, job_id) == [("job.succeeded", job_id)]


def test_a_crash_that_is_tried_again_is_no_event(worker: WorkerUnderTest) -> None:
    assert told(worker, worker.job(epochs=4, die_at=3)) == []


@pytest.mark.parametrize("noun", ["model", "dataset"])
def test_an_inspection_is_told_as_what_it_inspected(worker: WorkerUnderTest, noun: str) -> None:
    job_id = worker.job(JobKind(f"{noun}_inspection"))
    record_id = getattr(worker.row(job_id), f"{noun}_id")
    assert told(worker, job_id) == [(f"{noun}.ready", record_id)]


@pytest.mark.parametrize("noun", ["model", "dataset"])
def test_a_cancelled_inspection_is_a_rejection(worker: WorkerUnderTest, noun: str) -> None:
    job_id = worker.job(JobKind(f"{noun}_inspection"))
    worker.change(job_id, cancel_requested=True)
    record_id = getattr(worker.row(job_id), f"{noun}_id")
    assert told(worker, job_id) == [(f"{noun}.rejected", record_id)]
