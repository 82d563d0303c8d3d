"""A key that is bound to a job opens that job, and tells nothing of others."""

from pathlib import Path
from typing import Any

import pytest
from httpx import Client

from service.app_context import AppContext
from tests.service import stand_in
from tests.service.accounts import key_of

FORBIDDEN, UNKNOWN = (403, "forbidden"), (404, "not_found")


@pytest.fixture
def jobs(api: Client, context: AppContext, tmp_path: Path) -> list[Any]:
    """Two finished jobs: each has ``variant_id``."""
    made = [stand_in.submit(api, context) for _ in range(2)]
    for job in made:
        job["variant_id"] = stand_in.succeed(context, job["id"], tmp_path)["small"]
    return made


def test_it_sees_its_job_with_events_variants_and_files(api: Client, jobs: list[Any]) -> None:
    mine, other = jobs
    bound = key_of.create(api, job_id=mine["id"])
    assert (bound["job_id"], bound["scopes"]) == (mine["id"], ["read", "jobs"])
    headers = key_of.headers(bound)
    of_a_job = ("", "/events", "/report", "/plot")
    of_a_variant = ("", "/file")
    for job, status in ((mine, 200), (other, 404)):
        paths = [f"jobs/{job['id']}{end}" for end in of_a_job]
        paths += [f"variants/{job['variant_id']}{end}" for end in of_a_variant]
        for path in paths:
            assert api.get(f"/v1/{path}", headers=headers).status_code == status, path
    assert [job["id"] for job in api.get("/v1/jobs", headers=headers).json()["items"]] == [
        mine["id"]
    ]
    listed = api.get("/v1/variants", headers=headers).json()["items"]
    assert {variant["job_id"] for variant in listed} == {mine["id"]} and len(listed) == 3
    none = api.get(f"/v1/variants?job_id={other['id']}", headers=headers).json()["items"]
    assert none == []


def test_everything_else_is_forbidden_whether_or_not_it_exists(
    api: Client, jobs: list[Any]
) -> None:
    mine, other = jobs
    headers = key_of.headers(key_of.create(api, job_id=mine["id"]))
    inputs = {"model_id": mine["model_id"], "dataset_id": mine["dataset_id"]}
    attempts: list[tuple[str, str, Any]] = [("POST", "jobs", inputs)]
    for model in (mine["model_id"], "mod_0"):
        attempts += [("GET", f"models/{model}", None), ("DELETE", f"models/{model}", None)]
    attempts += [
        ("GET", path, None)
        for path in ("models", "datasets", "uploads", "keys", "account", "audit")
    ]
    attempts += [("POST", "keys", {"name": "next"})]
    for method, path, json in attempts:
        answer = api.request(method, f"/v1/{path}", json=json, headers=headers)
        assert key_of.refusal(answer) == FORBIDDEN, (method, path)
    for method, path in (("DELETE", ""), ("POST", "/cancel")):
        answer = api.request(method, f"/v1/jobs/{other['id']}{path}", headers=headers)
        assert key_of.refusal(answer) == UNKNOWN


def test_it_goes_with_its_job(api: Client, jobs: list[Any]) -> None:
    bound = key_of.create(api, job_id=jobs[0]["id"])
    headers = key_of.headers(bound)
    assert api.delete(f"/v1/jobs/{jobs[0]['id']}", headers=headers).status_code == 204
    assert api.get("/v1/jobs", headers=headers).status_code == 401
    assert bound["id"] not in [key["id"] for key in api.get("/v1/keys").json()["items"]]


def test_only_a_job_of_the_account_and_only_scopes_of_a_job(
    api: Client, jobs: list[Any], stranger: dict[str, str]
) -> None:
    wanted = {"name": "bound", "job_id": jobs[0]["id"]}
    assert key_of.refusal(api.post("/v1/keys", json=wanted, headers=stranger)) == UNKNOWN
    assert key_of.refusal(api.post("/v1/keys", json={**wanted, "job_id": "job_0"})) == UNKNOWN
    refused = api.post("/v1/keys", json={**wanted, "scopes": ["read", "upload"]})
    assert key_of.refusal(refused) == (422, "malformed")
    keeper = key_of.headers(key_of.create(api, scopes=["keys"]))
    assert key_of.refusal(api.post("/v1/keys", json=wanted, headers=keeper)) == FORBIDDEN
