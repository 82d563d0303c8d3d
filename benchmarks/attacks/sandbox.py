"""Hostile code in the sandbox of a real worker, as each user that a worker may run as.

    python -m benchmarks.attacks

Every attack is a job of its own, whose child tries it; a harmless job follows each time. Run as
root it becomes the other users, with setpriv; otherwise it measures the user that it is.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.contract.job import JobKind
from tests.workers.attacks import ATTACKS, REFUSED, SETUP
from tests.workers.conftest import WorkerUnderTest, open_worker, settings_of
from workers.machine import prepare_machine
from workers.supervisor import supervise

RIGHTS = "-all,+setuid,+setgid,+chown,+kill"
IDENTITIES = {
    "root": (),
    "as in the container": (f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}"),
    "a normal user": ("--reuid=1234", "--regid=1234", "--clear-groups"),
}
TRY = """
folder = Path(folder)
try:
    outcome = {"got": str(%s)[:80]}
except BaseException as error:
    outcome = {"refused": type(error).__name__}
report["warnings"] = [json.dumps(outcome)]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    folder = parser.parse_args().folder
    if folder:
        print(json.dumps(_attack_all(folder)))
        return 0
    identities = IDENTITIES if os.geteuid() == 0 else {"this user": ()}
    results = {name: _as_user(options) for name, options in identities.items()}
    _print(results)
    return int(any(each["open"] or each["broken"] for each in results.values()))


def _as_user(options: tuple[str, ...]) -> dict[str, list[str]]:
    """The outcomes of all attacks on a worker that runs with these options of setpriv."""
    command = [sys.executable, "-m", "benchmarks.attacks", "--folder"]
    if options:
        command = ["setpriv", *options, *command]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _attack_all(folder: Path) -> dict[str, list[str]]:
    """Attacks by outcome: ``contained``, ``open``; ``broken``: the next job did not succeed."""
    settings = settings_of(folder / "data", lease_seconds=30)
    prepare_machine(settings)
    worker = open_worker(settings)
    results: dict[str, list[str]] = {"contained": [], "open": [], "broken": []}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = (str(settings.data_dir / "l2c.sqlite"), listener.getsockname()[1], os.getpid())
        start = f"{SETUP}\nsecret, port, supervisor = {places!r}\n"
        for name, expression in ATTACKS.items():
            before = _state(worker)
            outcome = _outcome(worker, start + TRY % expression)
            refused = outcome.get("refused") in REFUSED and _state(worker) == before
            results["contained" if refused else "open"].append(name)
            if not _harmless_job_succeeds(worker):
                results["broken"].append(name)
    return results


def _outcome(worker: WorkerUnderTest, code: str) -> dict[str, str]:
    job_id = worker.job(before_report=code)
    supervise(job_id, worker.context)
    if worker.row(job_id).state != "succeeded":
        return {}
    return worker.told(job_id)


def _harmless_job_succeeds(worker: WorkerUnderTest) -> bool:
    job_id = worker.job(JobKind.COMPRESSION)
    supervise(job_id, worker.context)
    return worker.row(job_id).state == "succeeded" and worker.work_folders() == []


def _state(worker: WorkerUnderTest) -> tuple[object, ...]:
    """What an attack could have changed of the worker and its files."""
    database = (worker.context.settings.data_dir / "l2c.sqlite").stat()
    return (
        resource.getrlimit(resource.RLIMIT_CPU),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getaffinity(0),
        (database.st_mode, database.st_uid, database.st_ino),
    )


def _print(results: dict[str, dict[str, list[str]]]) -> None:
    table = Table("the worker runs as", "tried", "contained", "next job done", "not contained")
    for name, found in results.items():
        tried = len(found["contained"]) + len(found["open"])
        done = tried - len(found["broken"])
        row = (tried, len(found["contained"]), done)
        table.add_row(name, *map(str, row), ", ".join(found["open"]) or "-")
    Console(width=shutil.get_terminal_size().columns).print(table)


if __name__ == "__main__":
    sys.exit(main())
