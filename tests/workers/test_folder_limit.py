"""What a child may take of the disk and of the store while it runs."""

import threading
from dataclasses import replace
from pathlib import Path

from service.contract.directory_store import DirectoryStore
from service.contract.job import JobKind
from service.contract.records import ModelRecord
from tests.workers.conftest import WorkerUnderTest, open_worker, settings_of
from workers.folder_limit import used_bytes
from workers.supervisor import supervise

MIB = 1024 * 1024
FILL = "[(folder / str(n)).write_bytes(bytes(1 << 20)) for n in range(8)]; time.sleep(30)"


def test_a_child_that_fills_its_folder_is_ended(tmp_path: Path) -> None:
    worker = open_worker(settings_of(tmp_path, work_folder_bytes=4 * MIB))
    job_id = worker.job(JobKind.MODEL_INSPECTION, before_report=FILL)
    supervise(job_id, worker.context)
    record = worker.record(ModelRecord, worker.row(job_id).model_id)
    assert (record.state, record.error["code"]) == ("rejected", "work_folder_full")
    assert worker.work_folders() == []


def test_what_cannot_be_read_does_not_stop_the_count(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(bytes(MIB))
    (tmp_path / "link").symlink_to("/")
    assert MIB <= used_bytes(tmp_path) < 2 * MIB
    assert used_bytes(tmp_path / "gone") == 0


class SlowStore(DirectoryStore):
    checkpoints = 0

    def put(self, key: str, path: Path) -> None:
        if "checkpoints" in key:
            self.checkpoints += 1
            threading.Event().wait(0.1)
        super().put(key, path)


def test_checkpoints_are_stored_no_faster_than_the_store_is_quick(tmp_path: Path) -> None:
    worker = open_worker(settings_of(tmp_path))
    store = SlowStore(worker.context.settings.data_dir / "store")
    job_id = worker.job(epochs=100)
    supervise(job_id, replace(worker.context, store=store))
    assert worker.row(job_id).state == "succeeded"
    assert 1 <= store.checkpoints < 30


def test_a_job_shows_the_sandbox_that_it_ran_in(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.context.presence.sandbox = "landlock"
    supervise(job_id, worker.context)
    assert worker.row(job_id).sandbox == "landlock"
