"""Goods in and goods out: the inputs into the work folder, checkpoints both ways, the variants into
the store.

What lies in the child's folder may be anything by the time it is read: only regular files count, no
links.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from sqlalchemy import select

from service.contract.job import JobError
from service.contract.records import (
    DatasetRecord,
    Job,
    ModelRecord,
    Sessions,
    Upload,
    UploadPart,
    Variant,
)
from service.contract.storage import CHUNK, Store, part_key
from workers.child_messages import LARGEST_REPORT, CompressionReport, ReportedVariant, parse_object
from workers.outcomes import Crashed, Refused

EXTRAS = ("accuracy_over_bytes.png", "accuracy_over_bytes.svg")
LARGEST_EXTRA = 16 * 1024 * 1024
CHECKPOINT = "checkpoint.npz"

STORAGE_LOST = JobError(
    code="storage_lost",
    message="A part of the uploaded file is no longer in the store, or differs from what was uploaded.",
    hint="Upload the file again.",
)


@dataclass(frozen=True)
class Published:
    """What an attempt has put into the store, ready for its rows."""

    prefix: str
    report: dict[str, Any]
    variants: tuple[dict[str, Any], ...]

    def rows(self, job: Job) -> list[Variant]:
        return [
            Variant(account_id=job.account_id, job_id=job.id, **variant)
            for variant in self.variants
        ]


def fetch_inputs(
    job: Job, sessions: Sessions, store: Store, box: Path, check: Callable[[], None]
) -> None:
    """Write task.json and the job's files below ``box``; ``check`` is called now and then and may
    raise.

    Raises Refused (storage_lost).
    """
    task: dict[str, Any] = {"kind": job.kind, "model": None, "dataset": None, "spec": job.spec}
    try:
        for name, upload in uploads(job, sessions).items():
            task[name] = _fetch(upload, sessions, store, box, name, check)
    except FileNotFoundError as error:
        raise Refused(STORAGE_LOST) from error
    (box / "task.json").write_text(json.dumps(task))


def uploads(job: Job, sessions: Sessions) -> dict[str, Upload]:
    """What the job is about: of its model, its dataset or both."""
    found: dict[str, Upload] = {}
    wanted = (("model", ModelRecord, job.model_id), ("dataset", DatasetRecord, job.dataset_id))
    with sessions() as session:
        for name, record, record_id in wanted:
            if record_id:
                query = (
                    select(Upload)
                    .join(record, record.upload_id == Upload.id)
                    .where(record.id == record_id)
                )
                found[name] = session.scalars(query).one()
    return found


def _fetch(
    upload: Upload,
    sessions: Sessions,
    store: Store,
    box: Path,
    name: str,
    check: Callable[[], None],
) -> str:
    """Join the upload's parts into one local file; its path relative to ``box``."""
    relative = Path("inputs") / name / (Path(upload.filename).name or "upload")
    target = box / relative
    target.parent.mkdir(parents=True)
    digest = hashlib.sha256()
    wanted = select(UploadPart).where(UploadPart.upload_id == upload.id).order_by(UploadPart.number)
    with sessions() as session:
        parts = session.scalars(wanted).all()
    with target.open("wb") as file:
        for part in parts:
            for chunk in store.read(part_key(upload.id, part.number, part.sha256)):
                check()
                digest.update(chunk)
                file.write(chunk)
    if target.stat().st_size != upload.size or upload.sha256 not in (None, digest.hexdigest()):
        raise Refused(STORAGE_LOST)
    return str(relative)


def restore_checkpoint(job: Job, store: Store, box: Path) -> bool:
    """Put the newest checkpoint where the child looks for it; False when there is none."""
    if not job.checkpoint_key:
        return False
    with suppress(FileNotFoundError):
        store.get(job.checkpoint_key, box / CHECKPOINT)
        return True
    return False


def take_checkpoint(box: Path, store: Store, key: str) -> None:
    """Store a copy of the child's checkpoint. Raises Crashed when it is not a plain file."""
    spooled = box.parent / CHECKPOINT
    with _open_plain(box, CHECKPOINT) as source, spooled.open("wb") as copy:
        shutil.copyfileobj(source, copy, CHUNK)
    store.put(key, spooled)


def read_report(box: Path) -> dict[str, Any]:
    """report.json as the child left it. Raises Crashed when it is none."""
    with _open_plain(box, "report.json") as file:
        text = file.read(LARGEST_REPORT + 1)
    try:
        if len(text) > LARGEST_REPORT:
            raise ValueError("too large")
        return parse_object(text)
    except ValueError as error:
        raise Crashed(f"report.json: {error}") from error


def publish(report: dict[str, Any], box: Path, store: Store, prefix: str) -> Published:
    """Check every variant that the report names and move it into the store. Raises Crashed when one
    is not right.
    """
    try:
        checked = CompressionReport.model_validate(report)
    except ValueError as error:
        raise Crashed(f"report.json: {error}") from error
    folder = box / "variants"
    rows = zip(checked.variants, report["variants"], strict=True)
    variants = [_publish(variant, metrics, folder, store, prefix) for variant, metrics in rows]
    for name in EXTRAS:
        with suppress(Crashed):
            _move(box, name, store, prefix + name, LARGEST_EXTRA)
    return Published(prefix, report, tuple(variants))


def _publish(
    variant: ReportedVariant, metrics: dict[str, Any], folder: Path, store: Store, prefix: str
) -> dict[str, Any]:
    key = prefix + variant.file
    size, sha256 = _move(folder, variant.file, store, key, None)
    if sha256 != variant.sha256:
        raise Crashed(f"{variant.file}: its sha256 is not the one in the report")
    row = {
        "name": variant.name,
        "filename": variant.file,
        "key": key,
        "sha256": sha256,
        "bytes": size,
    }
    return {**row, "metrics": {**metrics, "bytes": size}}


def _move(folder: Path, name: str, store: Store, key: str, most: int | None) -> tuple[int, str]:
    """Store the plain file under ``key``; its size in bytes and its sha256."""
    with _open_plain(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise Crashed(f"{name}: {size} bytes are too many")
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    store.put(key, folder / name)
    return size, sha256


def _open_plain(folder: Path, name: str) -> BufferedReader:
    """Open a regular file of exactly this folder, following no link. Raises Crashed."""
    try:
        parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise Crashed(f"{name}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Crashed(f"{name}: not a regular file")
    return os.fdopen(file, "rb")
