"""Which objects of the store the rows name, and copies of them with their hashes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from service.backup.manifest import ObjectFile
from service.contract.object_keys import part_key
from service.contract.records import Job, UploadPart, Variant
from service.contract.report import PLOT_NAME
from service.contract.storage import Store

PLOT_KINDS = ("png", "svg")


@dataclass(frozen=True)
class NamedObject:
    """``sha256`` and ``bytes`` are those that the row tells, if it does.

    ``optional``: the service does without it, as without a plot or a checkpoint.
    """

    key: str
    bytes: int = 0
    sha256: str | None = None
    optional: bool = False


def named_objects(connection: Connection) -> Iterator[NamedObject]:
    """All that the rows name, in this connection's moment."""
    parts = select(UploadPart.upload_id, UploadPart.number, UploadPart.sha256, UploadPart.bytes)
    for part in connection.execute(parts):
        key = part_key(part.upload_id, part.number, part.sha256)
        yield NamedObject(key, part.bytes, part.sha256)
    for variant in connection.execute(select(Variant.key, Variant.bytes, Variant.sha256)):
        yield NamedObject(variant.key, variant.bytes, variant.sha256)
    for job in connection.execute(select(Job.artifacts_prefix, Job.checkpoint_key)):
        if job.artifacts_prefix:
            for kind in PLOT_KINDS:
                yield NamedObject(f"{job.artifacts_prefix}{PLOT_NAME}.{kind}", optional=True)
        if job.checkpoint_key:
            yield NamedObject(job.checkpoint_key, optional=True)


def copy(source: Store, key: str, spool: Path) -> ObjectFile:
    """Copy an object into the file ``spool``. Raises FileNotFoundError."""
    with spool.open("wb") as file:
        return _read(source, key, file.write)


def measure(source: Store, key: str) -> ObjectFile | None:
    """An object that is there already; None for one that is not."""
    try:
        return _read(source, key, lambda chunk: None)
    except FileNotFoundError:
        return None


def _read(source: Store, key: str, handle: Callable[[bytes], object]) -> ObjectFile:
    """Pass each chunk to ``handle``. Raises FileNotFoundError."""
    digest, size = hashlib.sha256(), 0
    for chunk in source.read(key):
        digest.update(chunk)
        handle(chunk)
        size += len(chunk)
    return ObjectFile(key=key, bytes=size, sha256=digest.hexdigest())
