"""Deletes what nobody came back for: uploads that were never used, spool files that a killed
process left.
"""

import logging
import threading
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select

from service.app_context import AppContext
from service.contract.records import DatasetRecord, ModelRecord, Upload, now
from service.uploads.receiving import SPOOL_PREFIX
from service.uploads.uploads import discard

log = logging.getLogger(__name__)
ABANDONED_AFTER = timedelta(hours=24)
SECONDS_BETWEEN_SWEEPS = 3600.0


def sweep(context: AppContext) -> int:
    """Delete uploads and spool files older than a day that nothing refers to; how many uploads
    went.
    """
    before = now() - ABANDONED_AFTER
    unused = select(Upload.id).where(
        Upload.created_at < before,
        Upload.id.not_in(select(ModelRecord.upload_id)),
        Upload.id.not_in(select(DatasetRecord.upload_id)),
    )
    with context.sessions() as session:
        abandoned = list(session.scalars(unused))
    for file in context.settings.work_dir.glob(f"{SPOOL_PREFIX}*"):
        with suppress(FileNotFoundError):  # a part that has just arrived
            if file.stat().st_mtime < before.timestamp():
                file.unlink()
    return sum(discard(context, upload_id) for upload_id in abandoned)


def sweep_until(context: AppContext, stop: threading.Event) -> None:
    """At once and then every hour, until the service stops."""
    while True:
        try:
            if count := sweep(context):
                log.info("deleted %d abandoned uploads", count)
        except Exception:
            log.exception("the sweep failed; the next one is in an hour")
        if stop.wait(SECONDS_BETWEEN_SWEEPS):
            return
