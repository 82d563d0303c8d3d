"""``l2c webhooks`` and the SDK beneath it."""

from typing import Any

from service.contract.job import JobState
from service.contract.job_end import end_job
from service.contract.records import Job
from tests.learn2compress.cli.conftest import ok, refused
from tests.service import stand_in


def test_webhooks_are_created_listed_rotated_replayed_and_deleted(live: Any, l2c: Any) -> None:
    # Nobody has this address: it is for documentation.
    url = "https://nowhere.invalid/hook"
    options = ["--event", "job.failed", "--event", "job.succeeded"]
    made = ok(l2c("webhooks", "create", url, *options, "--json"))
    assert made["secret"].startswith("whsec_")
    assert made["events"] == ["job.succeeded", "job.failed"]
    assert made["id"] in l2c("webhooks", "list").stdout
    assert [each["id"] for each in ok(l2c("webhooks", "list", "--json"))] == [made["id"]]
    rotated = ok(l2c("webhooks", "rotate", made["id"], "--grace", "1h", "--json"))
    assert rotated["id"] == made["id"] and rotated["secret"] != made["secret"]

    job_id = stand_in.submit(live, live.context)["id"]
    with live.context.sessions.begin() as session:
        end_job(session, (Job.id == job_id,), JobState.SUCCEEDED)
    [delivery] = ok(l2c("webhooks", "deliveries", made["id"], "--json"))
    assert (delivery["event"], delivery["object_id"]) == ("job.succeeded", job_id)
    assert ok(l2c("webhooks", "deliveries", made["id"], "--state", "given_up", "--json")) == []
    assert delivery["id"] in l2c("webhooks", "deliveries", made["id"]).stdout
    again = ok(l2c("webhooks", "replay", made["id"], delivery["id"], "--json"))
    assert (again["id"], again["state"]) == (delivery["id"], "pending")
    assert l2c("webhooks", "delete", made["id"]).stdout == f"deleted {made['id']}\n"
    assert ok(l2c("webhooks", "list", "--json")) == []


def test_what_is_refused_is_told(live: Any, l2c: Any) -> None:
    refused(l2c("webhooks", "create", "https://10.0.0.1/"), 4, "malformed", "public address")
    refused(l2c("webhooks", "create", "no-url"), 2, "url")
    refused(l2c("webhooks", "create", "https://x/", "--event", "job.begun"), 2, "events")
    refused(l2c("webhooks", "deliveries", "whk_0", "--state", "lost"), 2, "given_up")
    refused(l2c("webhooks", "delete", "whk_0"), 4, "not_found")
