"""A job is deleted, and the object store is killed meanwhile and started again."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import func, select

from service.app_context import AppContext
from service.contract.job import JobState
from service.contract.object_keys import checkpoints_prefix, job_prefix
from service.contract.records import Deletion
from service.contract.s3_store import S3Store
from service.contract.settings import Settings
from tests.servers import s3_installation
from tests.service import stand_in
from tests.service.client_of import serving
from tests.waiting import eventually

OBJECTS = 3000
"""SeaweedFS deletes a thousand in one request, so a deletion takes several."""
SECONDS_AFTER_RETURN = 45.0


@dataclass(frozen=True)
class Outage:
    """What was still to be deleted when the store had died, and what was left in the end."""

    open_deletions: int
    objects_left: int


def delete_during_outage(
    folder: Path, wait_for_kill: Callable[[S3Store, list[str]], None]
) -> Outage:
    """Delete a job with 3,000 objects, kill the store meanwhile, and start it again.

    ``wait_for_kill`` gets the store and the job's keys; the store is killed when it returns.
    """
    with contextlib.ExitStack() as stack:
        installation = stack.enter_context(s3_installation())
        with installation.running() as process:
            settings = Settings(data_dir=folder, **installation.server.settings("outage"))
            api = stack.enter_context(serving(settings))
            context: AppContext = api.context  # type: ignore[attr-defined]
            assert isinstance(context.store, S3Store)
            job = ended_job(api, context)
            keys = fill(context.store, checkpoints_prefix(job))
            assert api.delete(f"/v1/jobs/{job}").status_code == 204
            wait_for_kill(context.store, keys)
            process.kill()
            process.wait()
            open_deletions = count_open(context)
        assert api.get(f"/v1/jobs/{job}").status_code == 404
        with installation.running():
            eventually(lambda: not count_open(context), SECONDS_AFTER_RETURN)
            left = count_keys(context.store, job_prefix(job))
    return Outage(open_deletions, left)


def ended_job(api: httpx.Client, context: AppContext) -> str:
    job_id: str = stand_in.submit(api, context)["id"]
    stand_in.move(context, job_id, JobState.CANCELLED)
    return job_id


def fill(store: S3Store, prefix: str) -> list[str]:
    """Small objects below the prefix; their keys in the order in which they are deleted."""
    keys = [f"{prefix}{number:05d}" for number in range(OBJECTS)]
    with ThreadPoolExecutor(8) as threads:
        for written in threads.map(lambda key: put(store, key), keys):
            assert written
    return keys


def put(store: S3Store, key: str) -> bool:
    answer = store.client.put_object(Bucket=store.bucket, Key=key, Body=b"1")
    return bool(answer["ResponseMetadata"]["HTTPStatusCode"] == 200)


def count_open(context: AppContext) -> int:
    with context.sessions() as session:
        return session.scalar(select(func.count()).select_from(Deletion)) or 0


def count_keys(store: S3Store, prefix: str) -> int:
    pages = store.client.get_paginator("list_objects_v2")
    return sum(page["KeyCount"] for page in pages.paginate(Bucket=store.bucket, Prefix=prefix))
