"""A file's way in: announced, sent in parts, completed once its hash is right, used once."""

import hashlib
from dataclasses import dataclass, field

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.app_context import AppContext
from service.contract.errors import Conflict, HashMismatch, NotFound, TooLarge, UploadIncomplete
from service.contract.records import Upload, UploadPart, now
from service.contract.storage import part_key, upload_prefix
from service.contract.views import NewUpload
from service.uploads import filenames


@dataclass(frozen=True)
class UploadWithParts:
    """An upload as its owner sees it."""

    upload: Upload
    parts: list[UploadPart] = field(default_factory=list)


def create(context: AppContext, account_id: str, wanted: NewUpload) -> UploadWithParts:
    check_size(context, wanted.size)
    upload = Upload(
        account_id=account_id,
        filename=filenames.safe(wanted.filename),
        size=wanted.size,
        part_size=context.settings.part_size,
        sha256=wanted.sha256,
    )
    with context.sessions.begin() as session:
        session.add(upload)
    return UploadWithParts(upload)


def check_size(context: AppContext, size: int) -> None:
    if size > (most := context.settings.max_upload_bytes):
        raise TooLarge(f"{size:,} bytes are more than the {most:,} bytes that this server takes.")


def read(context: AppContext, account_id: str, upload_id: str) -> UploadWithParts:
    with context.sessions() as session:
        upload = owned(session, account_id, upload_id)
        return UploadWithParts(upload, _parts(session, upload_id))


def complete(
    context: AppContext, account_id: str, upload_id: str, sha256: str | None
) -> UploadWithParts:
    """Check that every part is there and that the whole file has the announced hash. Doing it twice
    is harmless.
    """
    found = read(context, account_id, upload_id)
    announced = {each for each in (found.upload.sha256, sha256) if each}
    if len(announced) > 1:
        raise HashMismatch("The upload was created with another SHA-256.")
    if found.upload.completed_at:
        return found
    missing = part_count(found.upload) - len(found.parts)
    if missing:
        raise UploadIncomplete(f"{missing} of {part_count(found.upload)} parts are missing.")
    try:
        actual = _whole_sha256(context, found)
    except FileNotFoundError as error:
        read(context, account_id, upload_id)
        raise Conflict(
            "A part is not in the store any more.", "Send the parts again, then complete."
        ) from error
    if announced - {actual}:
        raise HashMismatch(f"The file that arrived has SHA-256 {actual}.")
    with context.sessions.begin() as session:
        return _finish(session, found, actual)


def delete_upload(context: AppContext, account_id: str, upload_id: str) -> None:
    with context.sessions() as session:
        owned(session, account_id, upload_id)
    if not discard(context, upload_id):
        raise Conflict(
            f"Upload {upload_id} is in use.", "Delete the model or dataset that was made of it."
        )


def discard(context: AppContext, upload_id: str) -> bool:
    """Forget the upload and its bytes, unless a model or dataset was made of it."""
    try:
        with context.sessions.begin() as session:
            session.execute(delete(Upload).where(Upload.id == upload_id))
    except IntegrityError:
        return False
    context.store.delete(upload_prefix(upload_id))
    return True


def part_count(upload: Upload) -> int:
    return -(-upload.size // upload.part_size)


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
    parts = _parts(session, upload_id, lock=True)
    if [part.sha256 for part in parts] != [part.sha256 for part in found.parts]:
        raise Conflict(
            "Parts changed while the file's hash was being checked.", "Complete the upload again."
        )
    upload = session.get(Upload, upload_id)
    if upload is None:
        raise NotFound(f"Upload {upload_id} was deleted meanwhile.")
    return UploadWithParts(upload, parts)


def _parts(session: Session, upload_id: str, lock: bool = False) -> list[UploadPart]:
    query = select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.number)
    return list(session.scalars(query.with_for_update() if lock else query))


def owned(session: Session, account_id: str, upload_id: str) -> Upload:
    upload = session.get(Upload, upload_id)
    if upload is None or upload.account_id != account_id:
        raise NotFound(f"There is no upload {upload_id}.")
    return upload
