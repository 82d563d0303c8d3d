"""Jobs over HTTP; the worker's part is done by writing its rows."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from sqlalchemy import event, inspect, select

from service import paging
from service.app_context import AppContext
from service.caller import Caller
from service.contract.job import JobState
from service.contract.object_keys import checkpoint_key
from service.contract.records import Job, now
from service.jobs import jobs
from tests.service import stand_in
from tests.waiting import eventually


def test_a_job_may_ask_for_a_device(api: Client, context: AppContext) -> None:
    job = stand_in.submit(api, context)
    assert job["device"] == "any"
    wanted = {"model_id": job["model_id"], "dataset_id": job["dataset_id"]}
    created = api.post("/v1/jobs", json={**wanted, "device": "gpu"}).json()
    assert api.get(f"/v1/jobs/{created['id']}").json()["device"] == "gpu"
    refused = api.post("/v1/jobs", json={**wanted, "device": "tpu"})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, "body.device")


def test_a_job_goes_its_way_and_shows_what_came_of_it(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = stand_in.submit(api, context, effort="draft", seed=7)
    assert (job["state"], job["progress"], job["attempts"], job["variants"]) == (
        "queued",
        0.0,
        0,
        [],
    )
    assert job["spec"]["effort"] == "draft" and job["spec"]["seed"] == 7
    stand_in.move(
        context, job["id"], JobState.RUNNING, attempts=1, started_at=now(), eta_seconds=90.0
    )
    stand_in.progress(context, job["id"], 0.5)
    running = api.get(f"/v1/jobs/{job['id']}").json()
    assert (running["state"], running["stage"], running["progress"]) == ("running", "train", 0.5)
    stand_in.succeed(context, job["id"], tmp_path)
    done = api.get(f"/v1/jobs/{job['id']}").json()
    assert done["state"] == "succeeded" and done["finished_at"] >= done["started_at"]
    assert done["baseline"] == stand_in.BASELINE
    assert {variant["name"] for variant in done["variants"]} == {"large", "medium", "small"}
    report = api.get(f"/v1/jobs/{job['id']}/report").json()
    assert report["baseline"] == done["baseline"] and len(report["variants"]) == 3
    rest = {name: value for name, value in report.items() if name not in ("baseline", "variants")}
    assert done["report"] == rest


def test_plots_come_as_png_and_svg(api: Client, context: AppContext, tmp_path: Path) -> None:
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    png = api.get(f"/v1/jobs/{job['id']}/plot")
    assert (png.headers["content-type"], png.content) == ("image/png", b"a plot as png")
    svg = api.get(f"/v1/jobs/{job['id']}/plot", params={"format": "svg"})
    assert (svg.headers["content-type"], svg.content) == ("image/svg+xml", b"a plot as svg")
    assert "default-src 'none'" in svg.headers["content-security-policy"]
    assert api.get(f"/v1/jobs/{job['id']}/plot", params={"format": "gif"}).status_code == 422


@pytest.mark.parametrize(
    "state", [JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.CANCELLED]
)
def test_a_job_without_results_says_so(api: Client, context: AppContext, state: JobState) -> None:
    job = stand_in.submit(api, context)
    stand_in.move(context, job["id"], state)
    for what in ("report", "plot"):
        answer = api.get(f"/v1/jobs/{job['id']}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
        assert state in answer.json()["detail"]


def test_a_failed_job_says_why(api: Client, context: AppContext) -> None:
    job = stand_in.submit(api, context)
    error = {
        "code": "teacher_near_chance",
        "message": "Top-1 is 10 %.",
        "hint": "State the scaling.",
    }
    stand_in.move(context, job["id"], JobState.FAILED, error=error, finished_at=now())
    assert api.get(f"/v1/jobs/{job['id']}").json()["error"] == error


def test_a_job_needs_a_model_and_a_dataset_that_are_ready(api: Client, context: AppContext) -> None:
    model, dataset = stand_in.upload(api, "models"), stand_in.upload(api, "datasets")
    wanted = {"model_id": model["id"], "dataset_id": dataset["id"], "spec": {}}

    def refusal(code: str) -> dict[str, Any]:
        answer = api.post("/v1/jobs", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        refused: dict[str, Any] = answer.json()
        return refused

    first = refusal("not_ready")["detail"]
    assert "model" in first and "not inspected yet" in first
    stand_in.inspected(context, model["id"])
    assert "dataset" in refusal("not_ready")["detail"]
    stand_in.inspected(
        context, dataset["id"], {"code": "one_class", "message": "Only cats.", "hint": "Add dogs."}
    )
    rejected = refusal("rejected")
    assert (rejected["cause_code"], rejected["hint"]) == ("one_class", "Add dogs.")
    assert "Only cats." in rejected["detail"]
    with context.sessions() as session:
        assert list(session.scalars(select(Job).where(Job.kind == "compression"))) == []


def test_a_model_that_is_deleted_while_a_job_with_it_is_submitted_stays(
    api: Client, context: AppContext
) -> None:
    ids = {f"{kind}_id": stand_in.upload(api, f"{kind}s")["id"] for kind in ("model", "dataset")}
    for record_id in ids.values():
        stand_in.inspected(context, record_id)

    with ThreadPoolExecutor(1) as other:
        deletions: list[Future[Any]] = []

        def begin_deletion(*_: object) -> None:
            deletions.append(other.submit(api.delete, f"/v1/models/{ids['model_id']}"))
            with pytest.raises(TimeoutError):
                deletions[0].result(0.5)

        event.listen(context.sessions, "before_flush", begin_deletion, once=True)
        assert api.post("/v1/jobs", json={**ids, "spec": {}}).status_code == 201
        answer = deletions[0].result(20)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "spec",
    [
        {"effort": "heroic"},
        {"seed": -1},
        {"seed": 2**31},
        {"epochs": 3},
        {"class_names": ["one"]},
        {"class_names": [""] * 2},
        {"class_names": ["a", "b", "a"]},
        {"family": "vgg"},
        {"teacher_training": "absent"},
        {"sparsity": 0.96},
        {"quantizations": []},
        {"quantizations": ["int8", "int8"]},
        {"variants": []},
        {"variants": [{"name": "small"}]},
        {"variants": [{"name": "small", "max_bytes": 0}]},
        {"variants": [{"name": "small", "min_top1": 88}]},
        7,
    ],
)
def test_a_spec_that_means_nothing_is_malformed(embedded_api: Client, spec: Any) -> None:
    wanted = {"model_id": "mod_1", "dataset_id": "dat_1", "spec": spec}
    answer = embedded_api.post("/v1/jobs", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert answer.json()["errors"][0]["loc"].startswith("body.spec")


def test_cancelling_ends_a_queued_job_at_once_and_asks_a_running_one_to_end(
    api: Client, context: AppContext
) -> None:
    queued, running = stand_in.submit(api, context), stand_in.submit(api, context)
    stand_in.move(context, running["id"], JobState.RUNNING, attempts=1)
    ended = api.post(f"/v1/jobs/{queued['id']}/cancel").json()
    assert ended["state"] == "cancelled" and ended["finished_at"]
    assert api.post(f"/v1/jobs/{queued['id']}/cancel").json() == ended
    asked = api.post(f"/v1/jobs/{running['id']}/cancel").json()
    assert (asked["state"], asked["cancel_requested"]) == ("running", True)


def test_cancelling_a_job_that_waits_to_be_resumed_deletes_its_checkpoint(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job_id = stand_in.submit(api, context)["id"]
    key = checkpoint_key(job_id, 1, 7)
    (tmp_path / "checkpoint").write_bytes(b"weights")
    context.store.put(key, tmp_path / "checkpoint")
    stand_in.move(context, job_id, JobState.QUEUED, attempts=1, checkpoint_key=key)
    assert api.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    eventually(lambda: not stand_in.keys_below(context, f"jobs/{job_id}/"))
    with context.sessions() as session:
        assert session.get_one(Job, job_id).checkpoint_key is None


def test_a_job_that_has_ended_cannot_be_cancelled(
    api: Client, context: AppContext, tmp_path: Path
) -> None:
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    answer = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"


def test_the_list_has_compressions_only_and_pages(api: Client, context: AppContext) -> None:
    made = [stand_in.submit(api, context)["id"] for _ in range(3)]
    first = api.get("/v1/jobs", params={"limit": 2}).json()
    rest = api.get("/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [job["id"] for job in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_the_list_does_not_load_reports(api: Client, context: AppContext, tmp_path: Path) -> None:
    job = stand_in.submit(api, context)
    stand_in.succeed(context, job["id"], tmp_path)
    with context.sessions() as session:
        caller = Caller(session.get_one(Job, job["id"]).account_id, "key_0", frozenset())
    everything = (paging.PageRequest(), paging.Filters(), jobs.Inputs())
    (row,) = jobs.browse(context, caller, *everything).items
    assert inspect(row).unloaded == {"report", "spec"}
    assert [item["state"] for item in api.get("/v1/jobs").json()["items"]] == ["succeeded"]
