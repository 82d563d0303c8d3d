"""Events reach a real receiver: signed, once, and none that did not happen."""

import base64
import hashlib
import hmac
import json
import threading
import time
from functools import partial
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import func, select, update

from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.job_end import end_job
from service.contract.records import Job, Webhook, WebhookDelivery
from service.contract.settings import Settings
from service.contract.webhook_outbox import record_event
from service.contract.webhook_views import WEBHOOK_EVENTS
from service.webhooks.sender import PAUSES_SECONDS
from tests.service import stand_in
from tests.service.accounts import key_of
from tests.service.client_of import serving
from tests.service.webhooks.receiver import Received, Receiver, receiving
from tests.waiting import eventually


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Both modes; receivers of tests are on this machine."""
    return Settings(**{**settings.model_dump(), "webhook_private_addresses": True})


@pytest.fixture
def receiver() -> Any:
    with receiving() as receiver:
        yield receiver


def create(api: Client, receiver: Receiver, *events: str) -> Any:
    wanted = {"url": f"{receiver.url}/hook?a=b", "events": list(events or WEBHOOK_EVENTS)}
    answer = api.post("/v1/webhooks", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


def end(context: AppContext, job_id: str, state: JobState = JobState.SUCCEEDED) -> None:
    with context.sessions.begin() as session:
        assert end_job(session, (Job.id == job_id,), state)


def deliveries(api: Client, webhook: Any, state: str | None = None) -> list[Any]:
    params = {"state": state} if state else {}
    items: list[Any] = api.get(f"/v1/webhooks/{webhook['id']}/deliveries", params=params).json()[
        "items"
    ]
    return items


def tell(context: AppContext, webhook: Any, count: int) -> None:
    with context.sessions.begin() as session:
        account_id = session.get_one(Webhook, webhook["id"]).account_id
        for number in range(count):
            record_event(session, account_id, "job", f"job_{number}", "succeeded")


def try_now(context: AppContext) -> None:
    """As if the pause after a failed try were over."""
    with context.sessions.begin() as session:
        pending = update(WebhookDelivery).where(WebhookDelivery.state == "pending")
        session.execute(pending.values(next_try_at=WebhookDelivery.created_at))


def arrived(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) == count


def signed_by(received: Received, secret: str) -> bool:
    told = received.headers
    signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + received.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{digest}" in told["webhook-signature"].split(" ")


def test_the_end_of_a_job_is_told_with_a_signature(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver, "job.succeeded", "job.cancelled")
    jobs = [stand_in.submit(api, context)["id"] for _ in range(3)]
    end(context, jobs[0])
    end(context, jobs[1], JobState.FAILED)
    assert api.post(f"/v1/jobs/{jobs[2]}/cancel").status_code == 200
    eventually(lambda: len(deliveries(api, webhook, "delivered")) == 2)
    told = {json.loads(each.body)["data"]["id"]: each for each in receiver.received}
    assert set(told) == {jobs[0], jobs[2]}
    for job_id, state in ((jobs[0], "succeeded"), (jobs[2], "cancelled")):
        received, body = told[job_id], json.loads(told[job_id].body)
        assert body["type"] == f"job.{state}" and body["timestamp"].endswith("Z")
        assert body["data"] == {
            "id": job_id,
            "state": state,
            "links": {"self": f"/v1/jobs/{job_id}"},
        }
        assert received.path == "/hook?a=b" and signed_by(received, webhook["secret"])
        assert received.headers["content-type"] == "application/json"
        assert received.headers["webhook-id"] in {each["id"] for each in deliveries(api, webhook)}


def test_what_is_rolled_back_is_not_told(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    create(api, receiver)
    job_id = stand_in.submit(api, context)["id"]
    with pytest.raises(RuntimeError), context.sessions.begin() as session:
        assert end_job(session, (Job.id == job_id,), JobState.SUCCEEDED)
        raise RuntimeError
    with context.sessions() as session:
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 0


def test_a_receiver_that_fails_is_tried_again_and_given_up_in_the_end(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    tries = len(PAUSES_SECONDS) + 1
    receiver.statuses = [500, 302, *[503] * (tries - 2)]
    end(context, stand_in.submit(api, context)["id"])
    for number in range(1, tries + 1):
        eventually(partial(arrived, receiver, number))
        eventually(lambda: deliveries(api, webhook)[0]["problem"])
        if number < tries:
            try_now(context)
    [given_up] = eventually(lambda: deliveries(api, webhook, "given_up"))
    assert (given_up["tries"], given_up["status"], given_up["next_try_at"]) == (tries, 503, None)
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert {each.path for each in receiver.received} == {"/hook?a=b"}

    path = f"/v1/webhooks/{webhook['id']}/deliveries/{given_up['id']}/replay"
    assert api.post(path).status_code == 202
    [delivered] = eventually(lambda: deliveries(api, webhook, "delivered"))
    assert (delivered["id"], delivered["status"]) == (given_up["id"], 204)
    assert receiver.received[-1].headers["webhook-id"] == given_up["id"]
    registry = api.app.state.metrics.registry  # type: ignore[attr-defined]
    failed = registry.get_sample_value("l2c_webhook_tries_total", {"outcome": "failed"})
    assert failed == tries


def test_the_answer_to_an_earlier_try_does_not_count_for_a_replay(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    earlier, later = receiver.waits[:] = [threading.Event(), threading.Event()]
    receiver.statuses = [204, 500]
    tell(context, webhook, 1)
    eventually(partial(arrived, receiver, 1))
    [delivery] = deliveries(api, webhook)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/replay"
    assert api.post(path).status_code == 202
    eventually(partial(arrived, receiver, 2))
    earlier.set()
    time.sleep(0.5)
    assert [each["state"] for each in deliveries(api, webhook)] == ["pending"]
    later.set()
    [failed] = eventually(lambda: [each for each in deliveries(api, webhook) if each["problem"]])
    assert (failed["state"], failed["tries"], failed["status"]) == ("pending", 1, 500)


def test_after_gone_nothing_is_tried_again(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    receiver.statuses = [410]
    end(context, stand_in.submit(api, context)["id"])
    [given_up] = eventually(lambda: deliveries(api, webhook, "given_up"))
    assert (given_up["tries"], given_up["status"]) == (1, 410)


def test_a_receiver_that_answers_byte_by_byte_is_left_after_ten_seconds(
    embedded_private: Client, receiver: Receiver
) -> None:
    webhook = create(embedded_private, receiver)
    receiver.slow = True
    context: AppContext = embedded_private.context  # type: ignore[attr-defined]
    end(context, stand_in.submit(embedded_private, context)["id"])
    [failed] = eventually(
        lambda: [each for each in deliveries(embedded_private, webhook) if each["problem"]]
    )
    assert "10 s" in failed["problem"] and failed["state"] == "pending"


@pytest.fixture
def embedded_private(embedded: Settings) -> Any:
    given = {**embedded.model_dump(), "webhook_private_addresses": True}
    with serving(Settings(**given)) as client:
        yield client


def test_two_processes_send_each_event_once(
    api: Client, context: AppContext, settings: Settings, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    jobs = [stand_in.submit(api, context)["id"] for _ in range(15)]
    with serving(settings):
        for job_id in jobs:
            end(context, job_id)
        eventually(lambda: len(deliveries(api, webhook, "delivered")) == len(jobs))
    sent = [each.headers["webhook-id"] for each in receiver.received]
    assert len(sent) == len(set(sent)) == len(jobs)


def test_a_slow_receiver_of_one_account_does_not_delay_another_account(
    api: Client, stranger: dict[str, str], context: AppContext, receiver: Receiver
) -> None:
    with receiving() as slow:
        slow.slow = True
        tell(context, create(api, slow), 10)
        eventually(lambda: slow.received)
        api.headers.update(stranger)
        tell(context, create(api, receiver), 3)
        eventually(partial(arrived, receiver, 3), seconds=5)


def test_rotation_signs_with_old_and_new_secrets(
    api: Client, context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    path = f"/v1/webhooks/{webhook['id']}/rotate"
    secrets = [webhook["secret"]] + [api.post(path).json()["secret"] for _ in range(2)]
    end(context, stand_in.submit(api, context)["id"])
    eventually(lambda: len(receiver.received) == 1)
    assert all(signed_by(receiver.received[0], secret) for secret in secrets)
    newest = api.post(path, json={"grace_seconds": 0}).json()["secret"]
    end(context, stand_in.submit(api, context)["id"])
    eventually(lambda: len(receiver.received) == 2)
    assert signed_by(receiver.received[1], newest)
    assert not any(signed_by(receiver.received[1], secret) for secret in secrets)


def test_a_webhook_belongs_to_its_account(
    api: Client, stranger: dict[str, str], context: AppContext, receiver: Receiver
) -> None:
    webhook = create(api, receiver)
    path = f"/v1/webhooks/{webhook['id']}"
    assert api.get(path).json() == {k: v for k, v in webhook.items() if k != "secret"}
    for method, suffix in (
        *(("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("GET", "/deliveries")),
        ("POST", "/deliveries/msg_0/replay"),
    ):
        answer = api.request(method, path + suffix, headers=stranger)
        assert key_of.refusal(answer) == (404, "not_found")
    assert api.get("/v1/webhooks", headers=stranger).json()["items"] == []
    assert [each["id"] for each in api.get("/v1/webhooks").json()["items"]] == [webhook["id"]]
    assert api.delete(path).status_code == 204 and api.get(path).status_code == 404
    done = [each["action"] for each in api.get("/v1/audit").json()["items"]]
    assert {"webhook.create", "webhook.delete"} <= set(done)
    end(context, stand_in.submit(api, context)["id"])
    assert receiver.received == []


def test_an_account_has_at_most_twenty(api: Client, receiver: Receiver) -> None:
    for _ in range(20):
        create(api, receiver)
    answer = api.post("/v1/webhooks", json={"url": receiver.url + "/"})
    assert key_of.refusal(answer) == (403, "quota_exceeded")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "https://127.0.0.1/", "https://[::1]/", "https://u@example.org/"),
        *("https://0x7f.1/", "https://10.0.0.1/x", "https://[::ffff:8.8.8.8]/", "ftp://x/"),
    ],
)
def test_private_addresses_are_refused_unless_the_operator_allows_them(
    embedded_api: Client, url: str
) -> None:
    answer = embedded_api.post("/v1/webhooks", json={"url": url})
    assert key_of.refusal(answer) == (422, "malformed")
