"""Server-sent events over a real socket: live, resumed, and over when the job is."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.contract.job import JobState
from service.contract.records import JobEvent
from service.contract.settings import Settings
from service.jobs.events import Tailer
from tests.service import stand_in
from tests.service.client_of import serving
from tests.waiting import eventually


def told(client: httpx.Client, job_id: str, after: int | None = None) -> list[tuple[int, str, Any]]:
    """The stream until its end: (id, event, data)."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    answer = client.get(f"/v1/jobs/{job_id}/events", headers=headers, timeout=20)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(
        "text/event-stream"
    )
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in answer.text.split("\n\n")
        if block
    ]
    return [(int(block["id"]), block["event"], json.loads(block["data"])) for block in blocks]


def run_to_the_end(context: Any, job_id: str, folder: Path) -> None:
    stand_in.move(context, job_id, JobState.RUNNING, attempts=1)
    for step in range(1, 5):
        stand_in.progress(context, job_id, step / 5, epoch=step, epochs=4)
    stand_in.succeed(context, job_id, folder)


def test_a_stream_tells_everything_in_order_and_ends_with_the_job(
    live: Any, tmp_path: Path
) -> None:
    job = stand_in.submit(live, live.context)
    worker = threading.Thread(target=run_to_the_end, args=(live.context, job["id"], tmp_path))
    worker.start()
    events = told(live, job["id"])
    worker.join()
    assert [event for _, event, _ in events] == ["state", "state", *["progress"] * 4, "state"]
    assert [data["state"] for _, event, data in events if event == "state"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert [data["epoch"] for _, event, data in events if event == "progress"] == [1, 2, 3, 4]
    assert [number for number, _, _ in events] == sorted({number for number, _, _ in events})


def test_a_stream_resumes_behind_the_last_event_that_the_client_has(
    live: Any, tmp_path: Path
) -> None:
    job = stand_in.submit(live, live.context)
    run_to_the_end(live.context, job["id"], tmp_path)
    events = told(live, job["id"])
    assert told(live, job["id"], after=events[2][0]) == events[3:]
    assert told(live, job["id"], after=events[-1][0]) == []


def test_many_watchers_each_get_their_own_job_s_events(live: Any, tmp_path: Path) -> None:
    jobs = [stand_in.submit(live, live.context)["id"] for _ in range(3)]
    heard: dict[int, Any] = {}
    watchers = [
        threading.Thread(
            target=lambda number=number: heard.update({number: told(live, jobs[number % 3])})
        )
        for number in range(9)
    ]
    for watcher in watchers:
        watcher.start()
    for job_id in jobs:
        run_to_the_end(live.context, job_id, tmp_path)
    for watcher in watchers:
        watcher.join(20)
    assert [len(heard[number]) for number in range(9)] == [7] * 9
    assert heard[0] == heard[3] == heard[6] != heard[1]


def say_much(context: Any, job_id: str) -> None:
    with context.sessions.begin() as session:
        data = {"stage": "train", "progress": 0.1}
        session.add_all(
            JobEvent(job_id=job_id, attempt=1, type="progress", data=data) for _ in range(2500)
        )


def test_one_job_s_backlog_does_not_hold_up_another_s_events(embedded_api: Any) -> None:
    context = embedded_api.app.state.context
    chatty = stand_in.submit(embedded_api, context)["id"]
    say_much(context, chatty)
    quiet = stand_in.submit(embedded_api, context)["id"]

    async def first_look() -> list[str]:
        tailer = Tailer(context.sessions)
        waiting = [
            asyncio.ensure_future(anext(tailer.watch(job_id, 0))) for job_id in (chatty, quiet)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(tailer._look)
        return [(await asyncio.wait_for(event, 5)).job_id for event in waiting]

    assert asyncio.run(first_look()) == [chatty, quiet]


def test_a_backlog_longer_than_one_look_comes_whole(live: Any, tmp_path: Path) -> None:
    job = stand_in.submit(live, live.context)
    say_much(live.context, job["id"])
    stand_in.succeed(live.context, job["id"], tmp_path)
    assert len(told(live, job["id"])) == 2502


def test_cancelling_a_queued_job_ends_its_stream(live: Any) -> None:
    job = stand_in.submit(live, live.context)
    live.post(f"/v1/jobs/{job['id']}/cancel")
    assert [data["state"] for _, _, data in told(live, job["id"])] == ["queued", "cancelled"]


def test_a_job_that_does_not_exist_has_no_stream(live: Any) -> None:
    answer = live.get("/v1/jobs/job_0/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("last", ["-1", "x", str(2**64)])
def test_a_last_event_id_that_is_none_is_malformed(live: Any, last: str) -> None:
    job = stand_in.submit(live, live.context)
    assert (
        live.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": last}).status_code == 422
    )


def test_a_client_that_leaves_is_forgotten_and_the_service_stops_in_time(
    embedded: Settings,
) -> None:
    with serving(embedded) as client:
        job = stand_in.submit(client, client.context)  # type: ignore[attr-defined]
        with client.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            next(stream.iter_lines())
        tailer = client.app.state.tailer  # type: ignore[attr-defined]
        eventually(lambda: not tailer._watchers)
