"""Parts of uploads: of one size but the last, sent in any order, in parallel and repeatedly."""

import asyncio
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from service.app_context import AppContext
from service.contract.deletions import schedule_deletion
from service.contract.errors import Conflict, HashMismatch, Malformed, NotFound, PartTooLong
from service.contract.object_keys import part_key, upload_prefix
from service.contract.records import Upload, UploadPart
from service.ownership import owned
from service.uploads.receiving import Body, Spooled, spool

# "Insert or ignore" is written differently by the two databases.
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def put(
    context: AppContext,
    account_id: str,
    upload_id: str,
    number: int,
    body: Body,
    sha256: str | None,
) -> UploadPart:
    """Receive one part; sending it again replaces it, and a part that is refused is not kept."""
    expected = await asyncio.to_thread(_expected_size, context, account_id, upload_id, number)
    spooled = await spool(body, context.settings.work_dir, expected)
    try:
        if await body.read(1):
            raise PartTooLong(f"Part {number} must be exactly {expected:,} bytes long.")
        if spooled.size < expected:
            raise Malformed(
                f"Part {number} must be exactly {expected:,} bytes long, {spooled.size:,} came."
            )
        if sha256 not in (None, spooled.sha256):
            raise HashMismatch(f"Part {number} has SHA-256 {spooled.sha256}.")
        return await context.store_threads.run(keep, context, upload_id, number, spooled)
    finally:
        spooled.path.unlink(missing_ok=True)


def keep(context: AppContext, upload_id: str, number: int, spooled: Spooled) -> UploadPart:
    """Store a part's bytes under a key of their own, then write its row.

    In this order no transaction waits for the store.
    """
    part = UploadPart(upload_id=upload_id, number=number, bytes=spooled.size, sha256=spooled.sha256)
    context.store.put(_key(part), spooled.path)
    try:
        replaced = _enter(context, part)
    except NotFound:
        with context.sessions.begin() as session:
            schedule_deletion(session, upload_prefix(upload_id))
        context.delete_soon()
        raise
    except Conflict:
        _drop_bytes(context, part, part.sha256)
        raise
    if replaced:
        _drop_bytes(context, part, replaced)
    return part


def _expected_size(context: AppContext, account_id: str, upload_id: str, number: int) -> int:
    with context.sessions() as session:
        upload = owned(session, Upload, account_id, upload_id)
    if upload.completed_at:
        raise Conflict(f"Upload {upload_id} is complete; its parts cannot change any more.")
    count = upload.part_count
    if not 1 <= number <= count:
        raise Malformed(f"Upload {upload_id} has parts 1 to {count}, not {number}.")
    if number < count:
        return upload.part_bytes
    return upload.bytes - (count - 1) * upload.part_bytes


def _key(part: UploadPart) -> str:
    return part_key(part.upload_id, part.number, part.sha256)


def _enter(context: AppContext, part: UploadPart) -> str | None:
    """Write the part's row and return the SHA-256 that it replaces, if any.

    The row stays locked until the end of the transaction: ``complete`` cannot read a hash that is
    about to change, and no other request can delete these bytes.
    """
    with context.sessions.begin() as session:
        insert = INSERT[session.get_bind().dialect.name](UploadPart)
        new = insert.values(
            upload_id=part.upload_id, number=part.number, bytes=part.bytes, sha256=part.sha256
        )
        try:
            added = session.scalar(new.on_conflict_do_nothing().returning(UploadPart.number))
        except IntegrityError as error:
            raise NotFound(f"Upload {part.upload_id} was deleted meanwhile.") from error
        row = session.get(UploadPart, (part.upload_id, part.number), with_for_update=True)
        upload = session.get(Upload, part.upload_id)
        if row is None or upload is None:
            raise NotFound(f"Upload {part.upload_id} was deleted meanwhile.")
        if upload.completed_at:
            raise Conflict(f"Upload {upload.id} is complete; its parts cannot change any more.")
        if added or row.sha256 == part.sha256:
            return None
        return _replace(context, row, part)


def _replace(context: AppContext, row: UploadPart, part: UploadPart) -> str:
    try:
        context.store.size(_key(part))
    except FileNotFoundError as error:
        raise Conflict(
            f"Part {part.number} was sent several times at once.", "Send it again."
        ) from error
    replaced, row.bytes, row.sha256 = row.sha256, part.bytes, part.sha256
    return replaced


def _drop_bytes(context: AppContext, part: UploadPart, sha256: str) -> None:
    """Delete the bytes that were sent as this part, unless its row names them.

    Not scheduled like other deletions: the same bytes have the same key, and only while the row is
    locked no request can store them again.
    """
    this = (UploadPart.upload_id == part.upload_id, UploadPart.number == part.number)
    with context.sessions.begin() as session:
        locked = (
            update(UploadPart)
            .where(*this)
            .values(bytes=UploadPart.bytes)
            .returning(UploadPart.sha256)
        )
        if session.scalar(locked) != sha256:
            context.store.delete(part_key(part.upload_id, part.number, sha256))
