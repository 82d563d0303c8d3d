"""For which jobs the workers are notified again."""

from datetime import timedelta

from service.contract.records import now
from tests.workers.conftest import Stage
from workers.reaper import jobs_to_notify, notify, sweep_work_folders

LONG_AGO = now() - timedelta(hours=1)


def test_a_queued_job_without_a_notification_is_found(stage: Stage) -> None:
    job_id = stage.job()
    stage.change(job_id, created_at=LONG_AGO)
    assert jobs_to_notify(stage.context.sessions, waiting_messages=0, patience_seconds=10) == [
        job_id
    ]


def test_a_job_that_was_queued_just_now_is_left_to_the_api(stage: Stage) -> None:
    stage.job()
    assert jobs_to_notify(stage.context.sessions, waiting_messages=0, patience_seconds=10) == []


def test_while_as_many_messages_wait_as_jobs_nobody_is_notified(stage: Stage) -> None:
    for _ in range(3):
        stage.change(stage.job(), created_at=LONG_AGO, notified_at=LONG_AGO)
    assert jobs_to_notify(stage.context.sessions, waiting_messages=3, patience_seconds=10) == []
    assert len(jobs_to_notify(stage.context.sessions, waiting_messages=2, patience_seconds=10)) == 1


def test_a_lease_that_ran_out_is_found(stage: Stage) -> None:
    job_id = stage.job()
    stage.change(job_id, created_at=LONG_AGO, state="running", lease_expires_at=LONG_AGO)
    assert jobs_to_notify(stage.context.sessions, waiting_messages=0, patience_seconds=10) == [
        job_id
    ]


def test_a_lease_that_ran_out_is_notified_once_while_every_worker_is_busy(stage: Stage) -> None:
    for state in ("running", "queued"):
        stage.change(
            stage.job(),
            created_at=LONG_AGO,
            notified_at=LONG_AGO,
            state=state,
            lease_expires_at=LONG_AGO,
        )
    assert len(jobs_to_notify(stage.context.sessions, waiting_messages=1, patience_seconds=10)) == 1
    assert jobs_to_notify(stage.context.sessions, waiting_messages=2, patience_seconds=10) == []


def test_a_running_job_is_left_alone(stage: Stage) -> None:
    stage.change(stage.job(), state="running", lease_expires_at=now() + timedelta(minutes=1))
    assert jobs_to_notify(stage.context.sessions, waiting_messages=0, patience_seconds=10) == []


def test_a_job_notified_just_now_is_given_time(stage: Stage) -> None:
    job_id, sent = stage.job(), list[str]()
    stage.change(job_id, created_at=LONG_AGO)
    notify(stage.context.sessions, sent.append, job_id)
    assert sent == [job_id]
    assert jobs_to_notify(stage.context.sessions, waiting_messages=0, patience_seconds=10) == []


def test_only_folders_without_a_lease_are_swept(stage: Stage) -> None:
    job_id = stage.job()
    stage.change(job_id, state="running", lease_token="held")
    names = (f"{job_id}.held", f"{job_id}.lost", "job_unknown.x", "spooled-part")
    for name in names:
        (stage.context.settings.work_dir / name).mkdir()
    sweep_work_folders(stage.context)
    assert sorted(folder.name for folder in stage.work_folders()) == sorted([names[0], names[3]])
