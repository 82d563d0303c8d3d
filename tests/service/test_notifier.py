"""The notifier with a real Redis, and without one."""

import json
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, select

import migrations
from service.contract.devices import RUN_JOB, Device, queue_of
from service.contract.records import Account, Job, Sessions, connect, sessions
from service.notifier import open_notifier


@pytest.fixture
def database(tmp_path: Path) -> Sessions:
    url = f"sqlite:///{tmp_path / 'l2c.sqlite'}"
    migrations.upgrade(url)
    engine: Engine = connect(url)
    return sessions(engine)


def queued_job(database: Sessions) -> Job:
    with database.begin() as session:
        account = Account(name="first")
        session.add(account)
        session.flush()
        job = Job(account_id=account.id)
        session.add(job)
    return job


def notified_at(database: Sessions) -> object:
    with database() as session:
        return session.scalar(select(Job.notified_at))


def test_a_notification_is_one_message_with_the_job_s_id(
    database: Sessions, redis_url: str
) -> None:
    job = queued_job(database)
    client = redis.Redis.from_url(redis_url)
    client.delete(queue_of(Device.ANY))
    open_notifier(redis_url, database).notify(job.id, job.device)
    (message,) = [json.loads(raw) for raw in client.lrange(queue_of(Device.ANY), 0, -1)]
    assert message["headers"]["task"] == RUN_JOB
    assert message["headers"]["argsrepr"] == f"['{job.id}']"
    assert notified_at(database) is not None
    client.delete(queue_of(Device.ANY))


def test_a_redis_that_is_down_costs_little_time_and_no_job(database: Sessions) -> None:
    job = queued_job(database)
    started = time.monotonic()
    open_notifier("redis://127.0.0.1:1/0", database).notify(job.id, job.device)
    assert time.monotonic() - started < 4
    assert notified_at(database) is None


def test_a_database_that_fails_after_the_commit_costs_no_request(
    tmp_path: Path, redis_url: str
) -> None:
    nowhere = sessions(connect(f"sqlite:///{tmp_path / 'missing' / 'l2c.sqlite'}"))
    open_notifier(redis_url, nowhere).notify("job_0", Device.ANY)
    redis.Redis.from_url(redis_url).delete(queue_of(Device.ANY))


def test_the_embedded_mode_notifies_nobody(database: Sessions) -> None:
    open_notifier("", database).notify(queued_job(database).id, Device.ANY)
    assert notified_at(database) is None
