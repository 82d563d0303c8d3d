"""Uploads: announced, sent in parts, completed once the file's hash is right, used once."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import audit, idempotency, paging, quotas
from service.app_context import AppContext
from service.caller import Caller
from service.contract.deletions import schedule_deletion
from service.contract.errors import Conflict, HashMismatch, NotFound, TooLarge, UploadIncomplete
from service.contract.object_keys import part_key, upload_prefix
from service.contract.records import Sessions, Upload, UploadPart, now
from service.contract.views import NewUpload, UploadState
from service.ownership import owned
from service.uploads import filenames


@dataclass(frozen=True)
class UploadWithParts:
    """An upload as its owner sees it."""

    upload: Upload
    parts: list[UploadPart] = field(default_factory=list)


def create(context: AppContext, caller: Caller, wanted: NewUpload) -> UploadWithParts:
    """Raises TooLarge or QuotaExceeded."""
    check_size(context, wanted.bytes)
    upload = Upload(
        account_id=caller.account_id,
        filename=filenames.safe(wanted.filename),
        bytes=wanted.bytes,
        part_bytes=context.settings.part_bytes,
        sha256=wanted.sha256,
    )
    with context.sessions.begin() as session:
        taken = {"open_uploads": 1, "stored_bytes": wanted.bytes}
        quotas.take(session, context.settings, caller.account_id, **taken)
        session.add(upload)
        session.flush()
        idempotency.note_created(session, caller, "uploads", upload.id)
        audit.record(session, caller, "upload.create", upload.id)
    return UploadWithParts(upload)


def check_size(context: AppContext, size: int) -> None:
    limit = context.settings.max_upload_bytes
    if size > limit:
        raise TooLarge(f"{size:,} bytes are more than the {limit:,} bytes that this server takes.")


def read(context: AppContext, account_id: str, upload_id: str) -> UploadWithParts:
    with context.sessions() as session:
        upload = owned(session, Upload, account_id, upload_id)
        return UploadWithParts(upload, _parts(session, upload_id))


def browse(
    context: AppContext,
    account_id: str,
    wanted: paging.PageRequest,
    state: UploadState | None,
    filename: str | None,
) -> paging.Page[Upload]:
    conditions: list[Any] = [Upload.account_id == account_id]
    if filename is not None:
        conditions.append(Upload.filename == filename)
    if state == "completed":
        conditions.append(Upload.completed_at.is_not(None))
    elif state == "receiving":
        conditions.append(Upload.completed_at.is_(None))
    with context.sessions() as session:
        return paging.page(session, select(Upload).where(*conditions), Upload, wanted)


def complete(
    context: AppContext, account_id: str, upload_id: str, sha256: str | None
) -> UploadWithParts:
    """Check that every part is there and that the whole file has the announced hash.

    Completing an upload again changes nothing.
    """
    found = read(context, account_id, upload_id)
    announced = {found.upload.sha256, sha256} - {None}
    if len(announced) > 1:
        raise HashMismatch("The upload was created with another SHA-256.")
    if found.upload.completed_at:
        return found
    if not found.upload.bytes:  # unknown until an upload in one request has arrived
        raise UploadIncomplete("This upload is sent in one request, which also completes it.")
    missing = found.upload.part_count - len(found.parts)
    if missing:
        raise UploadIncomplete(f"{missing} of {found.upload.part_count} parts are missing.")
    try:
        actual = _whole_sha256(context, found)
    except FileNotFoundError as error:
        read(context, account_id, upload_id)  # raises NotFound if it was deleted meanwhile
        hint = "Send the parts again, then complete."
        raise Conflict("A part is not in the store any more.", hint) from error
    if announced - {actual}:
        raise HashMismatch(f"The file that arrived has SHA-256 {actual}.")
    with context.sessions.begin() as session:
        return _finish(session, found, actual)


def remove(context: AppContext, caller: Caller, upload_id: str) -> None:
    with context.sessions() as session:
        owned(session, Upload, caller.account_id, upload_id)
    if not discard(context.sessions, upload_id, caller):
        hint = "Delete the model or dataset that was made of it."
        raise Conflict(f"Upload {upload_id} is in use.", hint)
    context.delete_soon()


def discard(sessions: Sessions, upload_id: str, caller: Caller | None = None) -> bool:
    """Delete the upload and schedule the deletion of its parts, for a caller or by itself.

    False when a model or dataset was made of it, and then nothing is deleted.
    """
    try:
        with sessions.begin() as session:
            session.execute(delete(Upload).where(Upload.id == upload_id))
            schedule_deletion(session, upload_prefix(upload_id))
            if caller is not None:
                audit.record(session, caller, "upload.delete", upload_id)
    except IntegrityError:
        return False
    return True


def _whole_sha256(context: AppContext, found: UploadWithParts) -> str:
    digest = hashlib.sha256()
    for part in found.parts:
        for chunk in context.store.read(part_key(part.upload_id, part.number, part.sha256)):
            digest.update(chunk)
    return digest.hexdigest()


def _finish(session: Session, found: UploadWithParts, sha256: str) -> UploadWithParts:
    upload_id = found.upload.id
    unfinished = update(Upload).where(Upload.id == upload_id, Upload.completed_at.is_(None))
    session.execute(unfinished.values(completed_at=now(), sha256=sha256))
    upload = session.get(Upload, upload_id)
    if upload is None:
        raise NotFound(f"Upload {upload_id} was deleted meanwhile.")
    parts = _parts(session, upload_id, lock=True)
    if [part.sha256 for part in parts] != [part.sha256 for part in found.parts]:
        hint = "Complete the upload again."
        raise Conflict("Parts changed while the file's hash was being checked.", hint)
    return UploadWithParts(upload, parts)


def _parts(session: Session, upload_id: str, lock: bool = False) -> list[UploadPart]:
    query = select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.number)
    if lock:
        query = query.with_for_update()
    return list(session.scalars(query))
