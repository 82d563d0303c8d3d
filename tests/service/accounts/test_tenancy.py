"""Keys open one account; nothing of another account can be seen, used or changed."""

from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import select

from service.app_context import AppContext
from service.contract.records import ApiKey
from tests.service import stand_in


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer nonsense", "Basic abc", "Bearer l2c_\u00e9"]
)
def test_without_a_known_key_nothing_opens(web: Client, header: str | None) -> None:
    headers = {b"Authorization": header.encode("latin-1")} if header is not None else {}
    for method, path in (
        ("GET", "/v1/jobs"),
        ("POST", "/v1/models/upload?filename=a"),
        ("GET", "/v1/keys"),
    ):
        answer = web.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_another_account_s_ids_do_not_exist(
    api: Client, context: AppContext, stranger: dict[str, str], tmp_path: Path
) -> None:
    job = stand_in.submit(api, context)
    variant = stand_in.succeed(context, job["id"], tmp_path)["large"]
    upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    key = api.post("/v1/keys", json={"name": "laptop"}).json()["id"]
    model, dataset = job["model_id"], job["dataset_id"]
    reads = [f"uploads/{upload}", f"models/{model}", f"datasets/{dataset}", f"jobs/{job['id']}"]
    reads += [f"jobs/{job['id']}/{what}" for what in ("events", "report", "plot")]
    reads += [f"variants/{variant}", f"variants/{variant}/file"]
    deletes = [f"uploads/{upload}", f"models/{model}", f"datasets/{dataset}", f"keys/{key}"]
    attempts: list[tuple[str, str, Any]] = [("GET", path, None) for path in reads]
    attempts += [("DELETE", path, None) for path in deletes]
    attempts += [
        ("POST", f"uploads/{upload}/complete", {}),
        ("POST", f"jobs/{job['id']}/cancel", None),
    ]
    attempts += [
        ("POST", "jobs", {"model_id": model, "dataset_id": dataset}),
        ("POST", "models", {"upload_id": upload}),
    ]
    attempts += [("PUT", f"uploads/{upload}/parts/1", None)]
    for method, path, json in attempts:
        answer = api.request(method, f"/v1/{path}", json=json, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    for kind in ("models", "datasets", "jobs"):
        assert api.get(f"/v1/{kind}", headers=stranger).json()["items"] == []
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"


def test_a_key_works_until_it_is_deleted_and_is_stored_only_as_a_hash(
    api: Client, context: AppContext
) -> None:
    created = api.post("/v1/keys", json={"name": "laptop"}).json()
    other = {"Authorization": f"Bearer {created['secret']}"}
    assert api.get("/v1/keys", headers=other).status_code == 200
    assert "secret" not in api.get("/v1/keys").json()["items"][0]
    with context.sessions() as session:
        stored = [str(vars(key)) for key in session.scalars(select(ApiKey))]
    assert not any(created["secret"] in row for row in stored)
    assert api.delete(f"/v1/keys/{created['id']}").status_code == 204
    assert api.get("/v1/keys", headers=other).status_code == 401
    assert api.get("/v1/keys").status_code == 200
