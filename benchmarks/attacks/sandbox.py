"""Hostile code in the sandbox: each is a job of its own, whose child tries one expression."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from benchmarks.attacks.outcome import Outcome
from service.contract.job import JobKind
from tests.workers.attacks import ATTACKS, REFUSED, SETUP
from tests.workers.conftest import WorkerUnderTest, open_worker, settings_of
from workers.machine import prepare_machine
from workers.supervisor import supervise

TRY = """
folder = Path(folder)
try:
    outcome = {"got": str(%s)[:80]}
except BaseException as error:
    outcome = {"refused": type(error).__name__}
report["warnings"] = [json.dumps(outcome)]
"""


def attack_all(folder: Path) -> Iterator[Outcome]:
    """Every attack on one worker; a harmless job follows each time."""
    settings = settings_of(folder / "data", lease_seconds=30)
    prepare_machine(settings)
    worker = open_worker(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = (str(settings.data_dir / "l2c.sqlite"), listener.getsockname()[1], os.getpid())
        start = f"{SETUP}\nsecret, port, supervisor = {places!r}\n"
        for name, expression in ATTACKS.items():
            yield one(worker, name, start + TRY % expression)


def one(worker: WorkerUnderTest, name: str, code: str) -> Outcome:
    before = state(worker)
    told = outcome(worker, code)
    refusal = told.get("refused", "not refused")
    problems = []
    if refusal not in REFUSED:
        problems.append(f"{refusal}: {told}")
    if state(worker) != before:
        problems.append("the worker's state has changed")
    if not harmless_job_succeeds(worker):
        problems.append("a harmless job did not succeed afterwards")
    return Outcome(name, refusal, "; ".join(problems))


def outcome(worker: WorkerUnderTest, code: str) -> dict[str, str]:
    job_id = worker.job(before_report=code)
    supervise(job_id, worker.context)
    if worker.row(job_id).state != "succeeded":
        return {}
    return worker.told(job_id)


def harmless_job_succeeds(worker: WorkerUnderTest) -> bool:
    job_id = worker.job(JobKind.COMPRESSION)
    supervise(job_id, worker.context)
    return worker.row(job_id).state == "succeeded" and worker.work_folders() == []


def state(worker: WorkerUnderTest) -> tuple[object, ...]:
    """What an attack could have changed of the worker and its files."""
    database = (worker.context.settings.data_dir / "l2c.sqlite").stat()
    return (
        resource.getrlimit(resource.RLIMIT_CPU),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getaffinity(0),
        (database.st_mode, database.st_uid, database.st_ino),
    )
