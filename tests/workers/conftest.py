"""A worker on SQLite and a directory, whose child is a script that does what the spec says."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from migrations import upgrade
from service.contract.job import JobKind
from service.contract.object_keys import part_key
from service.contract.records import (
    Account,
    DatasetRecord,
    Job,
    JobEvent,
    ModelRecord,
    Upload,
    UploadPart,
    now,
)
from service.contract.settings import Settings
from tests.workers.scripted_child import SCRIPTED_CHILD, spec_of
from workers.supervisor import supervise
from workers.worker_context import WorkerContext, open_worker_context

PARTS = (b"first part, ", b"second part")


class WorkerUnderTest:
    """A worker's context, and what it has done to the database and the store."""

    def __init__(self, context: WorkerContext):
        self.context = context

    def job(
        self,
        kind: JobKind = JobKind.COMPRESSION,
        parts: tuple[bytes, ...] = PARTS,
        **behaviour: Any,
    ) -> str:
        """A queued job on a fresh model, a fresh dataset or both, each in these parts; its id."""
        with self.context.sessions.begin() as session:
            account = Account(name=os.urandom(8).hex())
            session.add(account)
            session.flush()
            job = Job(account_id=account.id, kind=kind, spec=spec_of(behaviour))
            for name, table in (("model", ModelRecord), ("dataset", DatasetRecord)):
                if kind in (JobKind.COMPRESSION, f"{name}_inspection"):
                    record_id = self.uploaded(session, account.id, name, table, parts)
                    setattr(job, f"{name}_id", record_id)
            session.add(job)
            session.flush()
            return job.id

    def uploaded(
        self,
        session: Any,
        account_id: str,
        name: str,
        table: Any,
        parts: Sequence[bytes] = PARTS,
    ) -> str:
        """A model or a dataset of a file in these parts; its id."""
        whole = b"".join(parts)
        sizes = {
            "bytes": len(whole),
            "part_bytes": len(parts[0]),
            "sha256": hashlib.sha256(whole).hexdigest(),
        }
        upload = Upload(account_id=account_id, filename=f"{name}.bin", completed_at=now(), **sizes)
        session.add(upload)
        session.flush()
        for number, part in enumerate(parts, 1):
            file = self.context.settings.data_dir / "part"
            file.write_bytes(part)
            digest = hashlib.sha256(part).hexdigest()
            self.context.store.put(part_key(upload.id, number, digest), file)
            session.add(
                UploadPart(upload_id=upload.id, number=number, bytes=len(part), sha256=digest)
            )
        record = table(account_id=account_id, upload_id=upload.id, name=name)
        session.add(record)
        session.flush()
        return str(record.id)

    def row(self, job_id: str) -> Job:
        with self.context.sessions() as session:
            return session.get_one(Job, job_id)

    def record(self, table: Any, record_id: str | None) -> Any:
        with self.context.sessions() as session:
            return session.get_one(table, record_id)

    def change(self, job_id: str, **values: Any) -> None:
        with self.context.sessions.begin() as session:
            for name, value in values.items():
                setattr(session.get_one(Job, job_id), name, value)

    def end_pause(self, job_id: str) -> None:
        """Let the job be claimed at once, as after the pause that follows a crash or an outage."""
        assert self.row(job_id).not_before is not None
        self.change(job_id, not_before=None)

    def rows(self, table: Any, job_id: str) -> list[Any]:
        with self.context.sessions() as session:
            return list(
                session.scalars(select(table).where(table.job_id == job_id).order_by(table.id))
            )

    def events(self, job_id: str, type: str) -> list[dict[str, Any]]:
        return [event.data for event in self.rows(JobEvent, job_id) if event.type == type]

    def pids(self, job_id: str) -> dict[str, int]:
        """Of the running child, and of its child if it has one."""
        starts = [event for event in self.events(job_id, "progress") if event["stage"] == "start"]
        told = starts[-1]["metrics"] if starts else {}
        inside = {pid: outside for outside, pid in processes_of(job_id).items()}
        return {name: inside[int(pid)] for name, pid in told.items()}

    def told(self, job_id: str) -> dict[str, Any]:
        """The epochs that the last child ran, and the hashes of its inputs."""
        report = self.row(job_id).report
        assert report is not None
        told: dict[str, Any] = json.loads(report["warnings"][0])
        return told

    def work_folders(self) -> list[Path]:
        return list(self.context.settings.work_dir.glob("*"))

    def stored(self, job_id: str) -> list[str]:
        """Keys below the job's prefix in the directory store."""
        root = self.context.settings.data_dir / "store"
        return sorted(
            str(file.relative_to(root))
            for file in (root / "jobs" / job_id).rglob("*")
            if file.is_file()
        )


def use_up_attempts(worker: WorkerUnderTest, job_id: str) -> None:
    """Try the job as often as it may fail, without its pauses."""
    supervise(job_id, worker.context)
    for _ in range(worker.context.settings.max_attempts - 1):
        worker.end_pause(job_id)
        supervise(job_id, worker.context)


def settings_of(folder: Path, **given: Any) -> Settings:
    return Settings(data_dir=folder, **{"lease_seconds": 3, "reap_seconds": 0.5, **given})


def open_worker(settings: Settings) -> WorkerUnderTest:
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    upgrade(settings.database)
    return WorkerUnderTest(open_worker_context(settings, command=SCRIPTED_CHILD))


@pytest.fixture
def worker(tmp_path: Path, sqlite_template: Path) -> WorkerUnderTest:
    shutil.copy(sqlite_template, tmp_path / sqlite_template.name)
    return open_worker(settings_of(tmp_path))


def processes_of(job_id: str) -> dict[int, int]:
    """Pids of the running processes of the job's attempts, and each one's pid in its namespace."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            # Their home folder has the job's id in its name.
            if job_id.encode() in status.with_name("environ").read_bytes():
                pids = status.read_text().split("NSpid:")[1].splitlines()[0].split()
                found[int(pids[0])] = int(pids[-1])
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
