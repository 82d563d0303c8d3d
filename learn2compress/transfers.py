"""Uploads and downloads large files; an interrupted transfer goes on where it stopped."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import httpx

from learn2compress.transport import (
    ConnectionFailed,
    DamagedDownload,
    Refused,
    Transport,
    api_path,
    pause,
    validate_view,
)
from service.contract.job_views import VariantView
from service.contract.views import UploadView

CHUNK_BYTES = 1024 * 1024
# While one part waits for its answer, others are sent. Each is held in memory.
PARTS_IN_FLIGHT = 3
# The server reads the whole file once more before it answers.
SECONDS_TO_HASH_A_LARGE_FILE = 1800.0


def file_sha256(path: Path, on_read: Callable[[int], None] = lambda count: None) -> str:
    """The file's SHA-256; ``on_read`` is called with the bytes of each chunk."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            on_read(len(chunk))
    return digest.hexdigest()


def upload(
    transport: Transport,
    path: Path,
    sha256: str,
    resume: str | None,
    on_created: Callable[[str], None],
    on_sent: Callable[[int], None],
) -> UploadView:
    """See ``Client.upload_file``."""
    found = _find_upload_to_resume(transport, sha256, resume) or _create_upload(
        transport, path, sha256
    )
    on_created(found.id)
    on_sent(sum(part.bytes for part in found.parts))
    if found.completed_at is not None:
        return found
    _send_missing(transport, path, found, on_sent)
    timeout = httpx.Timeout(SECONDS_TO_HASH_A_LARGE_FILE)
    completing = api_path("uploads", found.id, "complete")
    lasting = {"repeatable": True, "patient": True, "timeout": timeout}
    done = transport.json("POST", completing, json={}, **lasting)
    return validate_view(UploadView, done)


def download(transport: Transport, variant: VariantView, target: Path) -> Path:
    """See ``Client.download_variant``; raises DamagedDownload."""
    partial = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        try:
            _fetch_rest(transport, variant, partial)
            break
        except ConnectionFailed:
            failures += 1
            if transport.gives_up(failures):
                raise
            pause(failures)
    if file_sha256(partial) != variant.sha256:
        partial.unlink()
        message = f"{target.name} arrived damaged."
        raise DamagedDownload("sha256_mismatch", message, "Download it again.")
    os.replace(partial, target)
    return target


def _find_upload_to_resume(
    transport: Transport, sha256: str, upload_id: str | None
) -> UploadView | None:
    """The upload to go on with, unless it is gone or was for another file."""
    if upload_id is None:
        return None
    try:
        found = validate_view(UploadView, transport.json("GET", api_path("uploads", upload_id)))
    except Refused as refusal:
        # 422: not the id of an upload.
        if refusal.status in (404, 422):
            return None
        raise
    return found if found.sha256 == sha256 else None


def _create_upload(transport: Transport, path: Path, sha256: str) -> UploadView:
    wanted = {"filename": path.name, "bytes": path.stat().st_size, "sha256": sha256}
    return validate_view(UploadView, transport.json("POST", "/v1/uploads", json=wanted))


def _send_missing(
    transport: Transport, path: Path, found: UploadView, on_sent: Callable[[int], None]
) -> None:
    missing = set(range(1, found.part_count + 1)) - {part.number for part in found.parts}
    pending: set[Future[int]] = set()
    with path.open("rb") as file, ThreadPoolExecutor(PARTS_IN_FLIGHT) as pool:
        for number in sorted(missing):
            file.seek((number - 1) * found.part_bytes)
            pending.add(
                pool.submit(_send_part, transport, found.id, number, file.read(found.part_bytes))
            )
            if len(pending) >= PARTS_IN_FLIGHT:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                on_sent(sum(each.result() for each in done))
        for each in pending:
            on_sent(each.result())


def _send_part(transport: Transport, upload_id: str, number: int, content: bytes) -> int:
    headers = {"X-Content-SHA256": hashlib.sha256(content).hexdigest()}
    transport.request(
        "PUT",
        api_path("uploads", upload_id, "parts", number),
        content=content,
        headers=headers,
        patient=True,
    )
    return len(content)


def _fetch_rest(transport: Transport, variant: VariantView, partial: Path) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if have == variant.bytes:
        return
    headers = (
        {"Range": f"bytes={have}-", "If-Range": f'"{variant.sha256}"'}
        if 0 < have < variant.bytes
        else {}
    )
    with (
        transport.stream(api_path("variants", variant.id, "file"), headers) as answer,
        partial.open("ab") as file,
    ):
        if answer.status_code != 206:
            file.truncate(0)
        for piece in answer.iter_bytes():
            file.write(piece)
