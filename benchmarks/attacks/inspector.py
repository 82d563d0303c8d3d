"""Real inspections, in the real sandbox, by a worker of its own; and what each has left behind."""

import hashlib
from pathlib import Path
from typing import Any

from benchmarks.attacks.hostile import READY
from benchmarks.attacks.outcome import Outcome
from migrations import upgrade
from service.contract.job import JobKind
from service.contract.records import DatasetRecord, ModelRecord
from service.contract.settings import MIB
from tests.workers.conftest import WorkerUnderTest, settings_of
from workers.machine import prepare_machine
from workers.supervisor import supervise
from workers.worker_context import open_worker_context

TABLES = {JobKind.MODEL_INSPECTION: ModelRecord, JobKind.DATASET_INSPECTION: DatasetRecord}
SECONDS_WITHOUT_PROGRESS = 90.0
"""Production waits for 600 s."""
MEMORY = 6 * 1024 * MIB
KEEPS_UPLOAD = ("inspection_timed_out",)
"""After it the file may be inspected again, so it stays."""
OUTSIDE = Path("/tmp/l2c-evil.png")
"""What hostile files try to write."""
CANARY = b"nobody may change this"


class Inspector:
    """One worker below ``folder``, which also has files that no inspection may change."""

    def __init__(self, folder: Path):
        self._folder = folder
        for place in (folder, folder / "canaries"):
            place.mkdir()
            # The child's user passes through it; a worker gives new folders the mode 700.
            place.chmod(0o755)
            (place / "evil.png").write_bytes(CANARY)
        settings = settings_of(
            folder / "data",
            lease_seconds=30,
            inspection_idle_seconds=SECONDS_WITHOUT_PROGRESS,
            child_memory_bytes=MEMORY,
        )
        prepare_machine(settings)
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        upgrade(settings.database)
        self._worker = WorkerUnderTest(open_worker_context(settings))

    def inspect(self, kind: JobKind, content: bytes) -> Any:
        """The record after its inspection."""
        job_id = self._worker.job(kind, (content,))
        supervise(job_id, self._worker.context)
        job = self._worker.row(job_id)
        name = "model_id" if kind == JobKind.MODEL_INSPECTION else "dataset_id"
        return self._worker.record(TABLES[kind], getattr(job, name))

    def attack(
        self, kind: JobKind, name: str, content: bytes, expected: list[str], harmless: bytes
    ) -> Outcome:
        """Inspect a hostile file, then a harmless dataset."""
        before = self._outside(), self._stored()
        record = self.inspect(kind, content)
        code = _end_of(record)
        outside, stored = self._outside(), self._stored()
        problems = []
        if OUTSIDE.exists():
            problems.append(f"{OUTSIDE} was written")
        if code not in expected:
            told = record.error and record.error["message"]
            problems.append(f"{code} instead of {' or '.join(expected)}: {told}")
        if outside != before[0]:
            problems.append(f"changed: {sorted(outside.items() ^ before[0].items())}")
        if stored - before[1] != int(record.state == READY or code in KEEPS_UPLOAD):
            problems.append("its upload is still stored, or is stored no more")
        if self.inspect(JobKind.DATASET_INSPECTION, harmless).state != READY:
            problems.append("a harmless dataset was refused afterwards")
        return Outcome(name, code, "; ".join(problems))

    def _outside(self) -> dict[str, str]:
        """Hashes of all files except the database and the store; the work folder is empty."""
        found = {}
        for path in sorted(self._folder.rglob("*")):
            place = str(path.relative_to(self._folder))
            if place.startswith(("data/store", "data/l2c.sqlite")) or path.name == "part":
                continue
            content = path.read_bytes() if path.is_file() else b""
            found[place] = hashlib.sha256(content).hexdigest()
        return found

    def _stored(self) -> int:
        return sum(path.is_file() for path in (self._folder / "data" / "store").rglob("*"))


def _end_of(record: Any) -> str:
    """The code of its error; else its state, with the number of images that were left out."""
    if record.error is not None:
        return str(record.error["code"])
    left_out = (record.description or {}).get("unreadable_count", 0)
    return f"{record.state},{left_out}-left-out" if left_out else str(record.state)
