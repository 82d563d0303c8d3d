"""Moves files between the object store and a work folder: inputs, checkpoints, variants.

The child may have put anything into its folder, so only regular files are read.
"""

import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from service.contract.descriptions import DatasetDescription, ModelDescription
from service.contract.directory_store import CHUNK
from service.contract.errors import StoreUnavailable
from service.contract.job import JobError, JobKind, JobSpec
from service.contract.object_keys import part_key
from service.contract.records import (
    DatasetRecord,
    Job,
    ModelRecord,
    Sessions,
    Upload,
    UploadPart,
    Variant,
)
from service.contract.report import Report, ReportedVariant
from service.contract.storage import Store
from workers.child_messages import LARGEST_REPORT, parse_object
from workers.compression.work_folder import CHECKPOINT, PLOTS, REPORT, TASK, VARIANTS
from workers.outcomes import Crashed, Refused
from workers.worker_context import WorkerContext

WaitForStore = Callable[[StoreUnavailable], None]
Checked = TypeVar("Checked", bound=BaseModel)
# The engine's plots have about 50 kB.
LARGEST_PLOT = 16 * 1024 * 1024
LARGEST_CHECKPOINT = 8 * 1024**3
ROW_ONLY = {"name", "file", "sha256", "bytes"}
"""Fields of a reported variant that its row has as columns, and its ``metrics`` leave out."""

STORAGE_LOST = JobError(
    code="storage_lost",
    message="A part of the uploaded file is no longer in the store, or differs from the upload.",
    hint="Upload the file again.",
)


@dataclass(frozen=True)
class Published:
    """What an attempt has put into the store, ready for its rows."""

    prefix: str
    report: dict[str, Any]
    variants: tuple[ReportedVariant, ...]

    def rows(self, job: Job) -> list[Variant]:
        rows = []
        for variant in self.variants:
            row = Variant(
                account_id=job.account_id,
                job_id=job.id,
                name=variant.name,
                filename=variant.file,
                key=self.prefix + variant.file,
                sha256=variant.sha256,
                bytes=variant.bytes,
                quantization=variant.quantization,
                macs=variant.macs,
                latency_ms=variant.latency_ms.p50,
                top1=variant.top1,
                top3=variant.top3,
                top5=variant.top5,
                metrics=variant.model_dump(mode="json", exclude=ROW_ONLY),
            )
            rows.append(row)
        return rows


def fetch_inputs(job: Job, context: WorkerContext, folder: Path, check: Callable[[], None]) -> int:
    """Write task.json and the job's files into ``folder``; returns the bytes of the files.

    ``check`` is called after every chunk; it raises when the attempt has to stop.
    Raises Refused (storage_lost).
    """
    began, total = time.monotonic(), 0
    spec = JobSpec.model_validate(job.spec).model_dump(mode="json")
    task: dict[str, Any] = {"kind": job.kind, "model": None, "dataset": None, "spec": spec}
    task |= {"job": job.id, "date": job.created_at.date().isoformat()}
    task["max_pixels"] = context.settings.max_dataset_pixels
    try:
        for name, upload in _uploads(job, context.sessions).items():
            target = folder / "inputs" / name / (Path(upload.filename).name or "upload")
            _fetch(upload, context, target, check)
            total += upload.bytes
            task[name] = str(target.relative_to(folder))
    except FileNotFoundError as error:
        raise Refused(STORAGE_LOST) from error
    # Of this attempt: a job whose worker was lost must not be refused for its max_minutes.
    task["elapsed_seconds"] = time.monotonic() - began
    (folder / TASK).write_text(json.dumps(task))
    return total


def _uploads(job: Job, sessions: Sessions) -> dict[str, Upload]:
    """The uploads of the job's model, of its dataset, or of both."""
    found: dict[str, Upload] = {}
    with sessions() as session:
        if job.model_id:
            found["model"] = session.get_one(ModelRecord, job.model_id).upload
        if job.dataset_id:
            found["dataset"] = session.get_one(DatasetRecord, job.dataset_id).upload
    return found


def _fetch(upload: Upload, context: WorkerContext, target: Path, check: Callable[[], None]) -> None:
    """Join the upload's parts into one local file, and check its size and its hash."""
    target.parent.mkdir(parents=True)
    digest = hashlib.sha256()
    wanted = select(UploadPart).where(UploadPart.upload_id == upload.id).order_by(UploadPart.number)
    with context.sessions() as session:
        parts = session.scalars(wanted).all()
    with target.open("wb") as file:
        for part in parts:
            for chunk in context.store.read(part_key(upload.id, part.number, part.sha256)):
                check()
                digest.update(chunk)
                file.write(chunk)
    wrong_hash = upload.sha256 is not None and upload.sha256 != digest.hexdigest()
    if wrong_hash or target.stat().st_size != upload.bytes:
        raise Refused(STORAGE_LOST)


def restore_checkpoint(job: Job, store: Store, folder: Path) -> bool:
    """Put the newest checkpoint where the child looks for it; False when there is none."""
    if not job.checkpoint_key:
        return False
    with suppress(FileNotFoundError):
        store.get(job.checkpoint_key, folder / CHECKPOINT)
        return True
    return False


def store_checkpoint(folder: Path, store: Store, key: str) -> None:
    """Store a copy of the child's checkpoint. Raises Crashed when it is not a regular file."""
    # The child cannot write to the parent folder, which is this attempt's.
    copied = folder.parent / CHECKPOINT
    with _open_regular(folder, CHECKPOINT) as source, copied.open("wb") as copy:
        if os.fstat(source.fileno()).st_size > LARGEST_CHECKPOINT:
            raise Crashed(f"{CHECKPOINT}: too large")
        shutil.copyfileobj(source, copy, CHUNK)
    store.put(key, copied)


def read_report(folder: Path) -> dict[str, Any]:
    """report.json as the child wrote it, a JSON object. Raises Crashed."""
    with _open_regular(folder, REPORT) as file:
        text = file.read(LARGEST_REPORT + 1)
    try:
        if len(text) > LARGEST_REPORT:
            raise ValueError("too large")
        return parse_object(text)
    except ValueError as error:
        raise Crashed(f"{REPORT}: {error}") from error


def checked_description(job: Job, report: dict[str, Any]) -> dict[str, Any]:
    """What an inspection found, validated. Raises Crashed."""
    expected: type[ModelDescription] | type[DatasetDescription] = ModelDescription
    if job.kind == JobKind.DATASET_INSPECTION:
        expected = DatasetDescription
    try:
        return _checked(expected, report).model_dump(mode="json")
    except ValidationError as error:
        raise Crashed(f"{REPORT}: {error}") from error


def _checked(kind: type[Checked], report: dict[str, Any]) -> Checked:
    """What the child wrote as a value of this kind: strict, so that "inf" is no number."""
    return kind.model_validate_json(json.dumps(report), strict=True)


def publish(
    report: dict[str, Any], folder: Path, store: Store, prefix: str, wait: WaitForStore
) -> Published:
    """Validate the report, and move its files into the store. Raises Crashed.

    While the store is away, ``wait`` is called with its error, before each further try.
    """
    try:
        checked = _checked(Report, report)
    except ValidationError as error:
        raise Crashed(f"{REPORT}: {error}") from error
    for variant in checked.variants:
        size, sha256 = _measure(folder / VARIANTS, variant.file, None)
        if (size, sha256) != (variant.bytes, variant.sha256):
            raise Crashed(f"{variant.file}: not the bytes that the report names")
        _put(store, prefix + variant.file, folder / VARIANTS / variant.file, wait)
    for name in PLOTS:
        # The results are worth more than their plot: a job without one has not failed.
        with suppress(Crashed):
            _measure(folder, name, LARGEST_PLOT)
            _put(store, prefix + name, folder / name, wait)
    return Published(prefix, checked.model_dump(mode="json"), tuple(checked.variants))


def _put(store: Store, key: str, path: Path, wait: WaitForStore) -> None:
    while True:
        try:
            return store.put(key, path)
        except StoreUnavailable as error:
            wait(error)


def _measure(folder: Path, name: str, limit: int | None) -> tuple[int, str]:
    """Bytes and SHA-256 of a regular file of exactly this folder. Raises Crashed."""
    with _open_regular(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        if limit is not None and size > limit:
            raise Crashed(f"{name}: {size} bytes are too many")
        return size, hashlib.file_digest(file, "sha256").hexdigest()


def _open_regular(folder: Path, name: str) -> BufferedReader:
    """Open a regular file of exactly this folder, following no link. Raises Crashed."""
    try:
        parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            # O_NONBLOCK: opening a named pipe must not wait for a writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise Crashed(f"{name}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Crashed(f"{name}: not a regular file")
    return os.fdopen(file, "rb")
