"""Lists: by state, name and label; variants by their figures, sorted and in pages."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import update

from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.records import Variant
from tests.service import stand_in


def names(api: Client, path: str, **params: Any) -> list[str]:
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def labelled_job(api: Client, context: AppContext, name: str, **labels: str) -> Any:
    job = stand_in.submit(api, context)
    wanted = {"model_id": job["model_id"], "dataset_id": job["dataset_id"]}
    answer = api.post("/v1/jobs", json={**wanted, "name": name, "labels": labels})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_jobs_are_found_by_state_name_label_and_what_they_use(
    api: Client, context: AppContext
) -> None:
    first = labelled_job(api, context, "first", app="camera", team="a")
    labelled_job(api, context, "second", app="camera", team="b")
    stand_in.move(context, first["id"], JobState.FAILED)
    assert first["labels"] == {"app": "camera", "team": "a"}
    assert names(api, "/v1/jobs", label="app:camera") == ["second", "first"]
    assert names(api, "/v1/jobs", label=["app:camera", "team:a"]) == ["first"]
    assert names(api, "/v1/jobs", label="app:cam") == []
    assert names(api, "/v1/jobs", state="failed") == ["first"]
    assert names(api, "/v1/jobs", name="second") == ["second"]
    used = names(api, "/v1/jobs", dataset_id=first["dataset_id"])
    assert sorted(used) == ["first", "models.zip"]
    assert "spec" not in api.get("/v1/jobs").json()["items"][0]


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_records_are_found_by_state_name_label_and_hash(
    api: Client, context: AppContext, kind: str
) -> None:
    params = {"filename": "a.zip", "name": "cats", "label": ["app:phone", "team:a"]}
    cats = api.post(f"/v1/{kind}/upload", params=params, content=b"cats").json()
    stand_in.upload(api, kind, b"dogs")
    stand_in.inspected(context, cats["id"])
    assert cats["labels"] == {"app": "phone", "team": "a"}
    for found in (
        names(api, f"/v1/{kind}", name="cats"),
        names(api, f"/v1/{kind}", state="ready"),
        names(api, f"/v1/{kind}", label="app:phone"),
        names(api, f"/v1/{kind}", sha256=cats["sha256"]),
    ):
        assert found == ["cats"]
    assert "description" not in api.get(f"/v1/{kind}").json()["items"][0]


def test_uploads_and_keys_are_listed(api: Client) -> None:
    for name in ("a", "b"):
        api.post("/v1/uploads", json={"filename": name, "bytes": 3})
        api.post("/v1/keys", json={"name": name})
    uploads = api.get("/v1/uploads", params={"state": "receiving"}).json()["items"]
    assert [upload["filename"] for upload in uploads] == ["b", "a"]
    assert api.get("/v1/uploads", params={"state": "completed"}).json()["items"] == []
    assert names(api, "/v1/keys") == ["b", "a", "first key"]
    assert names(api, "/v1/keys", name="a") == ["a"]
    page = api.get("/v1/keys", params={"limit": 2}).json()
    rest = api.get("/v1/keys", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [key["name"] for key in rest["items"]] == ["first key"]


@pytest.fixture
def variants(api: Client, context: AppContext, tmp_path: Path) -> Any:
    """Three variants whose figures grow with their size; the job that made them."""
    job = labelled_job(api, context, "phones", app="camera")
    stand_in.succeed(context, job["id"], tmp_path)
    with context.sessions.begin() as session:
        for number, name in enumerate(("small", "medium", "large"), 1):
            figures = {
                "bytes": number * 1000,
                "macs": number * 10**6,
                "latency_ms": number / 10,
                "top1": 0.6 + number / 10,
                "top3": 0.9 + number / 100,
                "top5": 0.95 + number / 100,
            }
            session.execute(update(Variant).where(Variant.name == name).values(figures))
    return job


WANTED: list[tuple[dict[str, Any], list[str]]] = [
    ({"max_bytes": 2000}, ["small", "medium"]),
    ({"max_macs": 1_999_999}, ["small"]),
    ({"max_latency_ms": 0.25}, ["small", "medium"]),
    ({"min_top1": 0.8}, ["medium", "large"]),
    ({"min_top3": 0.925}, ["large"]),
    ({"min_top5": 0.97, "max_bytes": 2500}, ["medium"]),
    ({"quantization": "int8"}, ["small", "medium", "large"]),
    ({"quantization": "int4"}, []),
    ({"name": "large"}, ["large"]),
    ({"label": "app:camera"}, ["small", "medium", "large"]),
    ({"label": "app:phone"}, []),
    ({"job_id": "job_0"}, []),
    ({"sort": "-top1", "limit": 1}, ["large"]),
    ({"sort": "-latency_ms"}, ["large", "medium", "small"]),
]


def test_variants_are_found_by_their_figures(api: Client, variants: Any) -> None:
    for params, found in WANTED:
        assert names(api, "/v1/variants", **{"sort": "bytes", **params}) == found, params


@pytest.mark.parametrize("sort", ["bytes", "-top1", "latency_ms", "created_at"])
def test_sorted_variants_come_in_pages_without_gaps(api: Client, variants: Any, sort: str) -> None:
    whole = names(api, "/v1/variants", sort=sort)
    seen, cursor = [], None
    for _ in whole:
        page = api.get("/v1/variants", params={"sort": sort, "limit": 1, "cursor": cursor or ""})
        if cursor is None:
            page = api.get("/v1/variants", params={"sort": sort, "limit": 1})
        seen += [item["name"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
    assert (seen, cursor) == (whole, None)


def test_a_cursor_of_another_sort_is_malformed(api: Client, variants: Any) -> None:
    cursor = api.get("/v1/variants", params={"sort": "bytes", "limit": 1}).json()["next_cursor"]
    answer = api.get("/v1/variants", params={"sort": "-top1", "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize(
    "content",
    [
        ["bytes", 10**30, "a"],
        ["bytes", 2**63, "a"],
        ["-created_at", "0001-01-01T00:00:00+23:59", "a"],
        ["-created_at", "9999-12-31T23:59:59-23:59", "a"],
        ["bytes", 1, "\ud800"],
        ["bytes", 1, "a\0"],
        ["bytes", 1, None],
        ["bytes", 1],
        {},
    ],
)
def test_an_invented_cursor_is_malformed(embedded_api: Client, content: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    sort = content[0] if content else "bytes"
    answer = embedded_api.get("/v1/variants", params={"sort": sort, "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize(
    "params",
    [
        {"label": ["app:a", "app:b"]},
        {"label": "camera"},
        {"label": "App:x"},
        {"label": "a:"},
        {"state": "done"},
        {"name": ""},
    ],
)
def test_a_filter_that_means_nothing_is_malformed(embedded_api: Client, params: Any) -> None:
    answer = embedded_api.get("/v1/jobs", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_another_account_finds_nothing(
    api: Client, variants: Any, stranger: dict[str, str]
) -> None:
    for path in ("/v1/jobs", "/v1/variants", "/v1/models", "/v1/datasets", "/v1/uploads"):
        assert api.get(path, headers=stranger).json()["items"] == []
