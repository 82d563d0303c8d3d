"""Abandoned uploads and files are deleted after a day; what is in use stays."""

import os
from datetime import timedelta

from httpx import Client
from sqlalchemy import update

from service.app_context import AppContext
from service.cleanup import sweep
from service.contract.records import Upload, now
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
