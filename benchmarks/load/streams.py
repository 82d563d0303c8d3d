"""From the commit of an event to its arrival, with many clients that watch."""

import asyncio
import time
from typing import Any

from sqlalchemy import select, update

from benchmarks.load.servers import Api
from service.contract.job import JobState
from service.contract.records import Job, JobEvent

CLIENTS = (1, 100, 200)
EVENTS = 200
SECONDS_BETWEEN = 0.03


async def measure(api: Api) -> list[dict[str, Any]]:
    """Each client watches a job of its own; the events go to them in turn."""
    with api.sessions.begin() as session:
        ids = list(session.scalars(select(Job.id).limit(max(CLIENTS))))
        running = update(Job).where(Job.id.in_(ids)).values(state=JobState.RUNNING)
        session.execute(running)
    return [await with_clients(api, ids[:count]) for count in CLIENTS]


async def with_clients(api: Api, job_ids: list[str]) -> dict[str, Any]:
    committed: dict[int, float] = {}
    arrived: dict[int, float] = {}
    watching = [asyncio.create_task(watch(api, job_id, arrived)) for job_id in job_ids]
    await asyncio.sleep(1 + len(job_ids) / 50)
    for number in range(EVENTS):
        event_id = await asyncio.to_thread(write, api, job_ids[number % len(job_ids)])
        committed[event_id] = time.monotonic()
        await asyncio.sleep(SECONDS_BETWEEN)
    await asyncio.sleep(2)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    delays = sorted(arrived[event_id] - moment for event_id, moment in committed.items())
    return {
        "clients": len(job_ids),
        "p50_ms": round(1000 * delays[len(delays) // 2]),
        "p99_ms": round(1000 * delays[int(len(delays) * 0.99) - 1]),
    }


def write(api: Api, job_id: str) -> int:
    data = {"stage": "training", "progress": 0.5, "eta_seconds": 1.0}
    with api.sessions.begin() as session:
        event = JobEvent(job_id=job_id, attempt=1, type="progress", data=data)
        session.add(event)
    return event.id


async def watch(api: Api, job_id: str, arrived: dict[int, float]) -> None:
    newest = await asyncio.to_thread(last_event, api, job_id)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: here\r\nLast-Event-ID: {newest}\r\n"
    writer.write(f"{head}Authorization: Bearer {api.key}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"id: "):
                arrived[int(line[4:])] = time.monotonic()
    finally:
        writer.close()


def last_event(api: Api, job_id: str) -> int:
    with api.sessions() as session:
        newest = select(JobEvent.id).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc())
        return session.scalars(newest.limit(1)).first() or 0
