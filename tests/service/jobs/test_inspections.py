"""Models and datasets: the same story for both."""

from typing import Any

import pytest
from httpx import Client
from sqlalchemy import select, update

from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.records import Job, Upload
from tests.service import stand_in
from tests.waiting import eventually

ENGINE_CRASHED = {"code": "engine_crashed", "message": "It stopped.", "hint": "Try again."}
KINDS = pytest.mark.parametrize("kind", ["models", "datasets"])


def completed_upload(api: Client) -> str:
    upload_id: str = api.post("/v1/uploads", json={"filename": "net.keras", "bytes": 3}).json()[
        "id"
    ]
    api.put(f"/v1/uploads/{upload_id}/parts/1", content=b"abc")
    assert api.post(f"/v1/uploads/{upload_id}/complete").status_code == 200
    return upload_id


def jobs_of(context: AppContext) -> list[Job]:
    with context.sessions() as session:
        return list(session.scalars(select(Job)))


@KINDS
def test_a_record_of_an_upload_waits_for_its_inspection_and_shows_what_it_found(
    api: Client, context: AppContext, kind: str
) -> None:
    answer = api.post(f"/v1/{kind}", json={"upload_id": completed_upload(api), "name": "My net"})
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert (record["name"], record["state"], record["description"]) == (
        "My net",
        "validating",
        None,
    )
    (job,) = jobs_of(context)
    assert (job.kind, job.state) == (f"{kind[:-1]}_inspection", "queued")
    stand_in.inspected(context, record["id"])
    shown = api.get(answer.headers["Location"]).json()
    assert (shown["state"], shown["bytes"]) == ("ready", 3)
    expected = {"models": stand_in.MODEL, "datasets": stand_in.DATASET}[kind]
    assert shown["description"] == expected


@KINDS
def test_an_upload_is_usable_once(api: Client, kind: str) -> None:
    upload_id = completed_upload(api)
    assert api.post(f"/v1/{kind}", json={"upload_id": upload_id}).status_code == 201
    for again in ("models", "datasets"):
        answer = api.post(f"/v1/{again}", json={"upload_id": upload_id})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert api.delete(f"/v1/uploads/{upload_id}").status_code == 409


@KINDS
def test_an_upload_that_is_not_complete_makes_no_record(
    api: Client, context: AppContext, kind: str
) -> None:
    upload_id = api.post("/v1/uploads", json={"filename": "net.keras", "bytes": 3}).json()["id"]
    answer = api.post(f"/v1/{kind}", json={"upload_id": upload_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")
    assert jobs_of(context) == []


@KINDS
def test_a_deleted_record_takes_its_inspection_its_upload_and_its_bytes_along(
    api: Client, context: AppContext, kind: str
) -> None:
    record = stand_in.upload(api, kind)
    assert api.delete(f"/v1/{kind}/{record['id']}").status_code == 204
    assert api.get(f"/v1/{kind}/{record['id']}").status_code == 404
    assert jobs_of(context) == []
    with context.sessions() as session:
        assert session.get(Upload, record["upload_id"]) is None
    eventually(lambda: not stand_in.stored(context, record["upload_id"]))


def test_a_record_that_a_job_uses_cannot_be_deleted(api: Client, context: AppContext) -> None:
    job = stand_in.submit(api, context)
    for path in (f"/v1/models/{job['model_id']}", f"/v1/datasets/{job['dataset_id']}"):
        answer = api.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert api.get(path).json()["state"] == "ready"


def test_a_record_under_inspection_can_be_deleted(api: Client, context: AppContext) -> None:
    record = stand_in.upload(api, "models")
    with context.sessions.begin() as session:
        session.execute(update(Job).values(state=JobState.RUNNING))
    assert api.delete(f"/v1/models/{record['id']}").status_code == 204
    assert jobs_of(context) == []
    eventually(lambda: not stand_in.stored(context, record["upload_id"]))


@KINDS
def test_a_rejected_record_is_inspected_again_while_its_file_is_there(
    api: Client, context: AppContext, kind: str
) -> None:
    record = stand_in.upload(api, kind)
    path = f"/v1/{kind}/{record['id']}/inspect"
    assert (api.post(path).status_code, len(jobs_of(context))) == (202, 1)
    stand_in.inspected(context, record["id"], ENGINE_CRASHED)
    answer = api.post(path)
    assert (answer.status_code, answer.json()["state"], answer.json()["error"]) == (
        202,
        "validating",
        None,
    )
    assert sorted(job.state for job in jobs_of(context)) == ["queued", "succeeded"]
    stand_in.inspected(context, record["id"])
    assert (api.post(path).status_code, len(jobs_of(context))) == (409, 2)


def test_a_file_that_was_refused_is_not_inspected_again(api: Client, context: AppContext) -> None:
    record = stand_in.upload(api, "models")
    refused = {"code": "truncated_model", "message": "It ends early.", "hint": "Upload it again."}
    stand_in.inspected(context, record["id"], refused)
    answer = api.post(f"/v1/models/{record['id']}/inspect")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert api.get(f"/v1/models/{record['id']}").json()["state"] == "rejected"


@KINDS
def test_pages_show_every_record_once_newest_first_also_while_new_ones_come(
    api: Client, kind: str
) -> None:
    created = [stand_in.upload(api, kind)["id"] for _ in range(5)]
    seen: list[str] = []
    page: dict[str, Any] = {"next_cursor": None}
    while not seen or page["next_cursor"]:
        params = {"limit": 2} | ({"cursor": page["next_cursor"]} if page["next_cursor"] else {})
        page = api.get(f"/v1/{kind}", params=params).json()
        seen += [item["id"] for item in page["items"]]
        stand_in.upload(api, kind)
    assert seen == created[::-1]


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "!"}, {"cursor": "YWJj"}]
)
def test_a_page_that_cannot_be_is_malformed(api: Client, params: dict[str, str]) -> None:
    answer = api.get("/v1/models", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
