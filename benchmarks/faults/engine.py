"""A small job for the real engine: a teacher of two kinds of stripes, and some thousand images."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from service.contract.job import JobSpec
from service.contract.records import Account, DatasetRecord, Job, ModelRecord
from tests.workers.conftest import WorkerUnderTest

TINY_TASK = Path(__file__).resolve().parents[2] / "tests" / "tiny_task.py"
IMAGES_PER_CLASS = 500
FILES: dict[str, tuple[str, Any]] = {
    "model": ("teacher.keras", ModelRecord),
    "dataset": ("data.zip", DatasetRecord),
}


@cache
def contents() -> dict[str, bytes]:
    folder = Path(mkdtemp(prefix="l2c-tiny-"))
    command = [sys.executable, str(TINY_TASK), str(folder), str(IMAGES_PER_CLASS)]
    subprocess.run(command, check=True, capture_output=True)
    return {name: (folder / file).read_bytes() for name, (file, _) in FILES.items()}


def job(jobs: WorkerUnderTest) -> str:
    """A queued job over both; its id."""
    given = contents()
    with jobs.context.sessions.begin() as session:
        account = Account(name=os.urandom(8).hex())
        session.add(account)
        session.flush()
        spec = JobSpec(effort="draft").model_dump(mode="json")
        created = Job(account_id=account.id, spec=spec)
        for name, (_, table) in FILES.items():
            record = jobs.uploaded(session, account.id, name, table, (given[name],))
            setattr(created, f"{name}_id", record)
        session.add(created)
        session.flush()
        return created.id
