"""A thread per API process for scheduled deletions, and for what has been kept long enough."""

import logging
import threading
import time
from contextlib import suppress
from datetime import timedelta
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
SECONDS_BETWEEN_TRIES = 5.0
"""Also the longest time until a deletion is run that another process scheduled."""


class Cleanup:
    """Runs scheduled deletions at once when woken, else every few seconds; sweeps every hour."""

    def __init__(self, settings: Settings, sessions: Sessions, store: Store):
        self._settings, self._sessions, self._store = settings, sessions, store
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
        next_sweep = time.monotonic()
        while not self._stopping:
            self._wake.clear()
            try:
                if time.monotonic() >= next_sweep:
                    next_sweep += SECONDS_BETWEEN_SWEEPS
                    sweep(self._settings, self._sessions)
                    retention.delete_expired(self._settings, self._sessions)
                    keys.delete_long_expired(self._sessions)
                    audit.delete_old(self._settings, self._sessions)
                    idempotency.delete_expired(self._sessions)
                run_scheduled_deletions(self._sessions, self._store)
            except Exception:
                log.exception("the cleanup failed and is tried again")
            self._wake.wait(SECONDS_BETWEEN_TRIES)


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
