"""What lists and claims cost as the table of jobs grows."""

import socket
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, select, text

from benchmarks.load.requests import get
from benchmarks.load.servers import Api
from service.contract.devices import Device
from service.contract.job import JobState
from service.contract.records import Account, Job, new_id, now
from workers.claim_order import next_compression
from workers.lease import claim

FEW, MORE = 10, (1_000, 100_000)
AT_ONCE = 5_000
SHARE_QUEUED = 0.1


def grow(api: Api, size: int) -> None:
    """Up to ``size`` jobs of one account, a tenth of them queued, of the last 100 days."""
    with api.sessions.begin() as session:
        account_id = session.scalars(select(Account.id)).first()
        there = session.scalar(select(func.count()).select_from(Job)) or 0
        for start in range(there, size, AT_ONCE):
            numbers = range(start, min(size, start + AT_ONCE))
            session.execute(insert(Job), [_job(account_id, number) for number in numbers])
    _settle(api)


def _settle(api: Api) -> None:
    """As tables are that were not filled a moment ago."""
    engine = api.sessions.kw["bind"].execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
        connection.execute(text("ANALYZE"))
        if engine.dialect.name == "postgresql":
            connection.execute(text("CHECKPOINT"))


def measure(api: Api, size: int) -> dict[str, Any]:
    grow(api, size)
    with socket.create_connection(("127.0.0.1", api.port)) as line:
        first_page = median_ms(lambda: get(line, api.key, "/v1/jobs"), 30)
    return {"rows": size, "list_ms": first_page, "claim_ms": median_ms(lambda: take(api), 20)}


def take(api: Api) -> None:
    """What a worker does for its next job."""
    if job_id := next_compression(api.sessions, Device.CPU):
        claim(api.sessions, job_id, 3600)


def median_ms(work: Callable[[], object], times: int) -> float:
    work()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds) * 1000, 2)


def _job(account_id: str | None, number: int) -> dict[str, Any]:
    queued = number % round(1 / SHARE_QUEUED) == 0
    return {
        "id": new_id("job"),
        "account_id": account_id,
        "name": f"job {number}",
        "state": JobState.QUEUED if queued else JobState.SUCCEEDED,
        "created_at": now() - timedelta(seconds=86.4 * (100_000 - number)),
    }
