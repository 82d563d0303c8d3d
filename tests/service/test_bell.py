"""The bell on a real Redis, and on none."""

import json
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, select

import migrations
from service.bell import open_bell
from service.contract.job import QUEUE, RUN_JOB
from service.contract.records import Account, Job, Sessions, connect, sessions


@pytest.fixture
def rooms(tmp_path: Path) -> Sessions:
    url = f"sqlite:///{tmp_path / 'l2c.sqlite'}"
    migrations.upgrade(url)
    engine: Engine = connect(url)
    return sessions(engine)


def queued_job(rooms: Sessions) -> Job:
    with rooms.begin() as session:
        account = Account(name="first")
        session.add(account)
        session.flush()
        job = Job(account_id=account.id)
        session.add(job)
    return job


def rung_at(rooms: Sessions) -> object:
    with rooms() as session:
        return session.scalar(select(Job.rung_at))


def test_a_ring_is_one_message_with_the_job_s_id(rooms: Sessions, redis_url: str) -> None:
    job = queued_job(rooms)
    client = redis.Redis.from_url(redis_url)
    client.delete(QUEUE)
    open_bell(redis_url, rooms).ring(job.id)
    (message,) = [json.loads(raw) for raw in client.lrange(QUEUE, 0, -1)]
    assert message["headers"]["task"] == RUN_JOB
    assert message["headers"]["argsrepr"] == f"['{job.id}']"
    assert rung_at(rooms) is not None
    client.delete(QUEUE)


def test_a_redis_that_is_down_costs_little_time_and_no_job(rooms: Sessions) -> None:
    job = queued_job(rooms)
    started = time.monotonic()
    open_bell("redis://127.0.0.1:1/0", rooms).ring(job.id)
    assert time.monotonic() - started < 4
    assert rung_at(rooms) is None


def test_a_database_that_fails_after_the_commit_costs_no_request(tmp_path: Path, redis_url: str) -> None:
    nowhere = sessions(connect(f"sqlite:///{tmp_path / 'missing' / 'l2c.sqlite'}"))
    open_bell(redis_url, nowhere).ring("job_0")
    redis.Redis.from_url(redis_url).delete(QUEUE)


def test_embedded_the_bell_is_silent(rooms: Sessions) -> None:
    open_bell("", rooms).ring(queued_job(rooms).id)
    assert rung_at(rooms) is None
