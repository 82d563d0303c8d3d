"""Abandoned uploads and files are deleted after a day; what is in use stays."""

import os
from datetime import timedelta

import pytest
from httpx import Client
from sqlalchemy import func, select, update

from service import cleanup
from service.accounts import accounts
from service.app_context import AppContext
from service.cleanup import Cleanup, sweep
from service.contract.records import ApiKey, Sessions, Upload, connect, now, sessions
from service.contract.settings import Settings
from service.contract.storage import open_store
from tests.service import stand_in
from tests.waiting import eventually


def test_uploads_that_were_given_up_go_and_used_ones_stay(api: Client, context: AppContext) -> None:
    given_up = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    api.put(f"/v1/uploads/{given_up}/parts/1", content=b"abc")
    used = stand_in.upload(api, "models")
    with context.sessions.begin() as session:
        session.execute(update(Upload).values(created_at=now() - timedelta(hours=25)))
    fresh = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
    assert sweep(context.settings, context.sessions) == 1
    context.delete_soon()
    assert api.get(f"/v1/uploads/{given_up}").status_code == 404
    eventually(lambda: not stand_in.stored(context, given_up))
    assert api.get(f"/v1/uploads/{fresh}").status_code == 200
    assert stand_in.stored(context, used["upload_id"]) == 1


def test_spool_files_of_a_killed_process_go_after_a_day(api: Client, context: AppContext) -> None:
    files = [
        context.settings.work_dir / name for name in ("receiving-old", "receiving-new", "job_1")
    ]
    for file in files:
        file.touch()
    yesterday = (now() - timedelta(hours=25)).timestamp()
    for file in (files[0], files[2]):
        os.utime(file, (yesterday, yesterday))
    (context.settings.work_dir / "receiving-gone").symlink_to("nowhere")
    sweep(context.settings, context.sessions)
    assert [file.exists() for file in files] == [False, True, True]


def test_a_step_that_fails_keeps_no_other_from_its_turn_and_is_soon_tried_again(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "SECONDS_BETWEEN_TRIES", 0.05)
    monkeypatch.setattr(cleanup, "SECONDS_AFTER_FAILURE", 0.05, raising=False)
    factory = sessions(connect(embedded.database))
    accounts.open_account(factory, "first")
    long_ago = now() - timedelta(days=400)
    with factory.begin() as session:
        session.execute(update(ApiKey).values(expires_at=long_ago))
        abandoned = Upload(filename="a", bytes=3, part_bytes=3, created_at=long_ago)
        abandoned.account_id = session.scalars(select(ApiKey.account_id)).one()
        session.add(abandoned)
    # A folder where files are expected: the first step fails.
    broken = embedded.work_dir / "receiving-broken"
    broken.mkdir(parents=True)
    os.utime(broken, (0, 0))
    running = Cleanup(embedded, factory, open_store(embedded))
    running.start()
    try:
        eventually(lambda: count(factory, ApiKey) == 0, seconds=5)
        assert count(factory, Upload) == 1
        broken.rmdir()
        eventually(lambda: count(factory, Upload) == 0, seconds=5)
    finally:
        running.stop()


def count(factory: Sessions, table: type[ApiKey | Upload]) -> int:
    with factory() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0
