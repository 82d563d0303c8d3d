"""A thread per API process for scheduled deletions, and for what has been kept long enough."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from service import audit, idempotency
from service.accounts import keys
from service.contract.deletions import run_scheduled_deletions
from service.contract.records import DatasetRecord, ModelRecord, Sessions, Upload, now
from service.contract.settings import Settings
from service.contract.storage import Store
from service.jobs import retention
from service.uploads.receiving import SPOOL_PREFIX
from service.uploads.uploads import discard

log = logging.getLogger(__name__)
ABANDONED_AFTER = timedelta(hours=24)
SECONDS_BETWEEN_SWEEPS = 3600.0
SECONDS_AFTER_FAILURE = 60.0
SECONDS_BETWEEN_TRIES = 5.0
"""Also the longest time until a deletion is run that another process scheduled."""


Step = Callable[[], object]


class Cleanup:
    """Runs scheduled deletions at once when woken, else every few seconds; sweeps every hour.

    A step of the sweep that fails keeps no other from its turn, and is tried again in a minute.
    """

    def __init__(self, settings: Settings, sessions: Sessions, store: Store):
        self._delete = partial(run_scheduled_deletions, sessions, store)
        self._sweeps: dict[str, Step] = {
            "abandoned uploads": partial(sweep, settings, sessions),
            "what was kept long enough": partial(retention.delete_expired, settings, sessions),
            "expired keys": partial(keys.delete_long_expired, sessions),
            "old audit entries": partial(audit.delete_old, settings, sessions),
            "answers to repeated requests": partial(idempotency.delete_expired, sessions),
        }
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="cleanup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        due = dict.fromkeys(self._sweeps, time.monotonic())
        while not self._stopping:
            self._wake.clear()
            for name, step in self._sweeps.items():
                if time.monotonic() >= due[name]:
                    pause = SECONDS_BETWEEN_SWEEPS if _done(name, step) else SECONDS_AFTER_FAILURE
                    due[name] = time.monotonic() + pause
            _done("scheduled deletions", self._delete)
            self._wake.wait(SECONDS_BETWEEN_TRIES)


def _done(name: str, step: Step) -> bool:
    try:
        step()
    except Exception:
        log.exception("the cleanup of %s failed and is tried again", name)
        return False
    return True


def sweep(settings: Settings, sessions: Sessions) -> int:
    """Give up uploads and spool files older than a day that nothing refers to.

    Returns how many uploads.
    """
    before = now() - ABANDONED_AFTER
    _remove_spool_files(settings.work_dir, before.timestamp())
    unused = (
        Upload.created_at < before,
        Upload.id.not_in(select(ModelRecord.upload_id)),
        Upload.id.not_in(select(DatasetRecord.upload_id)),
    )
    with sessions() as session:
        abandoned = list(session.scalars(select(Upload.id).where(*unused)))
    count = sum(discard(sessions, upload_id) for upload_id in abandoned)
    if count:
        log.info("deleted %d abandoned uploads", count)
    return count


def _remove_spool_files(folder: Path, before: float) -> None:
    for file in folder.glob(f"{SPOOL_PREFIX}*"):
        with suppress(FileNotFoundError):  # a part that has just arrived is moved away
            if file.stat().st_mtime < before:
                file.unlink()
