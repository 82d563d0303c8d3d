"""What a backup's folder holds, written last: a folder without it is not a backup yet."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from service.contract.errors import Malformed

MANIFEST, CHECKSUM = "manifest.json", "manifest.sha256"
TABLES, OBJECTS = "tables", "objects"
Progress = Callable[[int, int], None]
"""Called with the bytes of objects that are done, and with those of all."""


class TableFile(BaseModel):
    """``tables/NAME.jsonl``: a row is one line."""

    model_config = ConfigDict(frozen=True)
    name: str
    rows: NonNegativeInt
    bytes: NonNegativeInt
    sha256: str


class ObjectFile(BaseModel):
    """``objects/KEY``."""

    model_config = ConfigDict(frozen=True)
    key: str
    bytes: NonNegativeInt
    sha256: str


class Manifest(BaseModel):
    """``schema_version`` is that of the migrations; ``lost`` are keys that rows name, but whose
    objects were not in the store, or were damaged.
    """

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = 1
    schema_version: str
    created_at: datetime
    tables: tuple[TableFile, ...]
    objects: tuple[ObjectFile, ...]
    lost: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.objects)


def write(folder: Path, manifest: Manifest) -> None:
    """The checksum first: the manifest appears complete, and by it the backup."""
    content = manifest.model_dump_json(indent=1).encode()
    digest = hashlib.sha256(content).hexdigest()
    (folder / CHECKSUM).write_text(f"{digest}  {MANIFEST}\n")
    unfinished = folder / f".{MANIFEST}"
    unfinished.write_bytes(content)
    unfinished.replace(folder / MANIFEST)


def read(folder: Path) -> Manifest:
    """Raises Malformed for a manifest, or a file of a table, that is missing or damaged."""
    try:
        content = (folder / MANIFEST).read_bytes()
        if hashlib.sha256(content).hexdigest() != (folder / CHECKSUM).read_text()[:64]:
            raise damaged(folder / MANIFEST)
        manifest = Manifest.model_validate_json(content)
        for table in manifest.tables:
            check_table(folder, table)
    except OSError as error:
        message = f"{folder} is no complete backup: {error.strerror}: {error.filename}"
        raise Malformed(message, "Name the folder that `l2c admin backup` filled.") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise damaged(folder / MANIFEST) from error
    return manifest


def table_path(folder: Path, name: str) -> Path:
    return folder / TABLES / f"{Path(name).name}.jsonl"


def check_table(folder: Path, table: TableFile) -> None:
    path = table_path(folder, table.name)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != table.sha256:
            raise damaged(path)


def damaged(path: Path) -> Malformed:
    return Malformed(f"{path} is damaged.", "Use another copy of the backup; nothing was restored.")
