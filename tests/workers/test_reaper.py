"""For which jobs the workers are notified again."""

from datetime import timedelta

import pytest

from service.contract.devices import Device
from service.contract.records import now
from tests.workers.conftest import WorkerUnderTest
from workers.attempt_folders import sweep_attempt_folders
from workers.reaper import jobs_to_notify, send_and_record

LONG_AGO = now() - timedelta(hours=1)


def to_notify(worker: WorkerUnderTest, messages: int, device: Device = Device.ANY) -> list[str]:
    return jobs_to_notify(worker.context.sessions, device, messages, patience_seconds=10)


def test_a_queued_job_without_a_notification_is_found(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.change(job_id, created_at=LONG_AGO)
    assert to_notify(worker, messages=0) == [job_id]


def test_a_job_that_was_queued_just_now_is_left_to_the_api(worker: WorkerUnderTest) -> None:
    worker.job()
    assert to_notify(worker, messages=0) == []


def test_while_as_many_messages_wait_as_jobs_nobody_is_notified(worker: WorkerUnderTest) -> None:
    for _ in range(3):
        worker.change(worker.job(), created_at=LONG_AGO, notified_at=LONG_AGO)
    assert to_notify(worker, messages=3) == []
    assert len(to_notify(worker, messages=2)) == 1


def test_a_lease_that_ran_out_is_found(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.change(job_id, created_at=LONG_AGO, state="running", lease_expires_at=LONG_AGO)
    assert to_notify(worker, messages=0) == [job_id]


def test_a_lease_that_ran_out_is_notified_once_while_every_worker_is_busy(
    worker: WorkerUnderTest,
) -> None:
    for state in ("running", "queued"):
        worker.change(
            worker.job(),
            created_at=LONG_AGO,
            notified_at=LONG_AGO,
            state=state,
            lease_expires_at=LONG_AGO,
        )
    assert len(to_notify(worker, messages=1)) == 1
    assert to_notify(worker, messages=2) == []


def test_a_running_job_is_left_alone(worker: WorkerUnderTest) -> None:
    worker.change(worker.job(), state="running", lease_expires_at=now() + timedelta(minutes=1))
    assert to_notify(worker, messages=0) == []


def test_a_job_notified_just_now_is_given_time(worker: WorkerUnderTest) -> None:
    job_id, sent = worker.job(), list[tuple[str, str]]()
    worker.change(job_id, created_at=LONG_AGO)
    send_and_record(worker.context.sessions, lambda *told: sent.append(told), job_id)
    assert sent == [(job_id, Device.ANY)]
    assert to_notify(worker, messages=0) == []


def test_the_messages_for_one_device_say_nothing_of_another(worker: WorkerUnderTest) -> None:
    jobs = {device: worker.job() for device in Device}
    for device, job_id in jobs.items():
        worker.change(job_id, created_at=LONG_AGO, device=device)
    assert to_notify(worker, messages=1, device=Device.CPU) == []
    assert to_notify(worker, messages=0, device=Device.GPU) == [jobs[Device.GPU]]
    sent = list[tuple[str, str]]()
    send_and_record(worker.context.sessions, lambda *told: sent.append(told), jobs[Device.GPU])
    assert sent == [(jobs[Device.GPU], Device.GPU)]


def test_only_folders_without_a_lease_are_swept(worker: WorkerUnderTest) -> None:
    job_id = worker.job()
    worker.change(job_id, state="running", lease_token="held")
    names = (f"{job_id}.held", f"{job_id}.lost", "job_unknown.x", "spooled-part")
    for name in names:
        (worker.context.settings.work_dir / name).mkdir()
    sweep_attempt_folders(worker.context)
    assert sorted(folder.name for folder in worker.work_folders()) == sorted([names[0], names[3]])


def test_a_folder_that_cannot_be_removed_does_not_stop_a_start(
    worker: WorkerUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = worker.context.settings.data_dir / "elsewhere"
    elsewhere.mkdir()
    (worker.context.settings.work_dir / "job_unknown.x").symlink_to(elsewhere)
    (worker.context.settings.work_dir / "job_unknown.y").mkdir()
    sweep_attempt_folders(worker.context)
    assert [folder.name for folder in worker.work_folders()] == ["job_unknown.x"]
    assert "job_unknown.x: not removed" in caplog.text
