"""Five accounts with 100 tiny jobs on one, two and four workers: who waits how long?

    python -m benchmarks.fairness

One account queues 60 jobs, then each of four others 10. Celery workers of a production on this
machine do them, with a stand-in child that trains nothing. Writes
benchmarks/results/fairness.json. Takes 5 minutes on 2 cores.
"""

import contextlib
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import results_file
from benchmarks.faults.site import Site
from service.contract.job import JobState
from service.contract.records import Account, DatasetRecord, Job, ModelRecord
from tests.waiting import eventually

RESULTS = Path(__file__).parent / "results" / "fairness.json"
QUEUED = {"many": 60, "few-1": 10, "few-2": 10, "few-3": 10, "few-4": 10}
WORKERS = (1, 2, 4)
SECONDS_AT_MOST = 600.0


def main() -> None:
    rows = [measure(workers) for workers in WORKERS]
    result = {"jobs": QUEUED, "rows": rows}
    print(json.dumps(result, indent=2))
    results_file.write(RESULTS, result)


def measure(workers: int) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="l2c-fairness-")))
        site = Site(folder, stack, True, {"reap_seconds": 1.0})
        job_ids = [job_id for name, count in QUEUED.items() for job_id in queue(site, name, count)]
        for job_id in job_ids:
            site.notify(job_id)
        for _ in range(workers):
            site.start_worker()
        eventually(lambda: all_ended(site, job_ids), SECONDS_AT_MOST)
        return summary(site, job_ids, workers)


def queue(site: Site, name: str, count: int) -> list[str]:
    """Jobs of one account; their ids."""
    job_ids = [site.jobs.job(epochs=1) for _ in range(count)]
    with site.jobs.context.sessions.begin() as session:
        account = Account(name=name)
        session.add(account)
        session.flush()
        for job_id in job_ids:
            job = session.get_one(Job, job_id)
            job.account_id = account.id
            session.get_one(ModelRecord, job.model_id).account_id = account.id
            session.get_one(DatasetRecord, job.dataset_id).account_id = account.id
    return job_ids


def all_ended(site: Site, job_ids: list[str]) -> bool:
    with site.jobs.context.sessions() as session:
        done = session.query(Job).filter_by(state=JobState.SUCCEEDED).count()
    return done == len(job_ids)


def summary(site: Site, job_ids: list[str], workers: int) -> dict[str, Any]:
    with site.jobs.context.sessions() as session:
        jobs = [session.get_one(Job, job_id) for job_id in job_ids]
        names = {account.id: account.name for account in session.query(Account)}
    first = min(job.started_at for job in jobs if job.started_at)
    last = max(job.finished_at for job in jobs if job.finished_at)
    seconds = (last - first).total_seconds()
    waits: dict[str, float] = defaultdict(float)
    for job in jobs:
        assert job.started_at is not None
        name = names[job.account_id]
        waits[name] = max(waits[name], (job.started_at - first).total_seconds())
    return {
        "workers": workers,
        "jobs_per_minute": round(60 * len(jobs) / seconds, 1),
        "longest_wait_s": {name: round(wait, 1) for name, wait in sorted(waits.items())},
        "longest_wait_share": {
            name: round(wait / seconds, 2) for name, wait in sorted(waits.items())
        },
    }


if __name__ == "__main__":
    main()
