"""Single-request upload, for curl: a raw body of any length becomes a completed upload."""

import asyncio
import hashlib
from typing import Any

from sqlalchemy import update

from service import audit, idempotency, quotas
from service.app_context import AppContext
from service.caller import Caller
from service.contract.errors import HashMismatch, Malformed, TooLarge
from service.contract.records import Upload, now
from service.uploads import filenames, parts
from service.uploads.receiving import Body, Spooled, spool
from service.uploads.uploads import check_size, discard


async def receive(
    context: AppContext,
    caller: Caller,
    filename: str,
    body: Body,
    announced_size: int | None,
    sha256: str | None,
) -> str:
    """Cut the body into parts as it arrives and return the completed upload's id.

    A failure leaves no upload.

    Raises TooLarge as soon as the limit is passed, Malformed for an empty body, HashMismatch for
    other bytes than those of ``sha256``, BodyIncomplete for a body that is cut off, QuotaExceeded
    for more than is left: at first by the announced size, at last by the one that arrived.
    """
    check_size(context, announced_size or 0)
    upload_id = await asyncio.to_thread(
        _announce, context, caller.account_id, filenames.safe(filename), announced_size or 0
    )
    try:
        whole = hashlib.sha256()
        size = await _cut(context, caller, upload_id, body, whole)
        if sha256 not in (None, whole.hexdigest()):
            raise HashMismatch(f"The file that arrived has SHA-256 {whole.hexdigest()}.")
        await asyncio.to_thread(_finish, context, caller, upload_id, size, whole.hexdigest())
    except BaseException:  # also when the client goes away, which cancels this coroutine
        await asyncio.to_thread(discard, context.sessions, upload_id)
        context.delete_soon()
        raise
    return upload_id


async def _cut(context: AppContext, caller: Caller, upload_id: str, body: Body, whole: Any) -> int:
    """Store up to two parts while the next one is being received; the size of all, in bytes."""
    size, number, limit = 0, 0, context.settings.max_upload_bytes
    storing: list[asyncio.Task[None]] = []
    try:
        while (
            part := await spool(body, context.settings.work_dir, _most(context, size), whole)
        ).size:
            size, number = size + part.size, number + 1
            storing.append(asyncio.create_task(_store(context, caller, upload_id, number, part)))
            if size > limit:
                raise TooLarge(
                    f"The file is longer than the {limit:,} bytes that this server takes."
                )
            # Two parts on their way to the store keep it busy; more would only take disk space.
            if len(storing) > 2:
                await storing.pop(0)
        part.path.unlink()
        await asyncio.gather(*storing)
    finally:
        await asyncio.gather(*storing, return_exceptions=True)
    if size == 0:
        raise Malformed(
            "The request has no body.",
            "Send the file itself: curl -T FILE, or --data-binary @FILE.",
        )
    return size


def _most(context: AppContext, received: int) -> int:
    """One byte beyond the limit is enough to know that it is passed."""
    return min(context.settings.part_bytes, context.settings.max_upload_bytes + 1 - received)


async def _store(
    context: AppContext, caller: Caller, upload_id: str, number: int, part: Spooled
) -> None:
    try:
        await context.store_threads.run(parts.keep, context, upload_id, number, part)
        await asyncio.to_thread(idempotency.extend, context.sessions, caller)
    finally:
        part.path.unlink(missing_ok=True)


def _announce(context: AppContext, account_id: str, filename: str, announced: int) -> str:
    upload = Upload(
        account_id=account_id, filename=filename, bytes=0, part_bytes=context.settings.part_bytes
    )
    with context.sessions.begin() as session:
        taken = {"open_uploads": 1, "stored_bytes": announced}
        quotas.take(session, context.settings, account_id, **taken)
        session.add(upload)
    return upload.id


def _finish(context: AppContext, caller: Caller, upload_id: str, size: int, sha256: str) -> None:
    with context.sessions.begin() as session:
        quotas.take(session, context.settings, caller.account_id, stored_bytes=size)
        finished = update(Upload).where(Upload.id == upload_id)
        session.execute(finished.values(bytes=size, sha256=sha256, completed_at=now()))
        audit.record(session, caller, "upload.create", upload_id)
