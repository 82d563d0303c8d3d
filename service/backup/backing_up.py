"""A backup while the service works: one moment of the database, then the objects that it names."""

from dataclasses import dataclass, field
from pathlib import Path

import migrations
from service.backup import manifest, rows
from service.backup.manifest import Manifest, ObjectFile, Progress, TableFile
from service.backup.objects import NamedObject, copy, measure, named_objects
from service.contract.directory_store import DirectoryStore
from service.contract.errors import Conflict
from service.contract.records import connect, now
from service.contract.settings import Settings
from service.contract.storage import Store, open_store


@dataclass(frozen=True)
class Snapshot:
    """One moment of the database, whose tables are in the folder."""

    schema_version: str
    tables: tuple[TableFile, ...]
    named: tuple[NamedObject, ...]


@dataclass
class Copies:
    """Objects that are in the folder, by key, and keys of those that are not."""

    found: dict[str, ObjectFile] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


def back_up(settings: Settings, folder: Path, progress: Progress) -> Manifest:
    """Fill the folder with a backup; what an interrupted one left there is used.

    Raises Conflict if the folder holds a complete backup, StoreUnavailable.
    """
    if (folder / manifest.MANIFEST).exists():
        raise Conflict(f"{folder} holds a backup already.", "Name a folder that is new.")
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(settings)
    target = _folder_of_objects(folder)
    started, seen = now(), Copies()
    while True:
        taken = _take_snapshot(settings, folder)
        copies = _copy_all(taken.named, store, target, folder, seen.found, progress)
        # What is gone was perhaps deleted after the snapshot: then the next one does not name it.
        if copies.lost <= seen.lost:
            break
        seen = copies
    wanted = dict.fromkeys(each.key for each in taken.named)
    finished = Manifest(
        schema_version=taken.schema_version,
        created_at=started,
        tables=taken.tables,
        objects=tuple(copies.found[key] for key in wanted if key in copies.found),
        lost=tuple(sorted(copies.lost)),
    )
    manifest.write(folder, finished)
    return finished


def _take_snapshot(settings: Settings, folder: Path) -> Snapshot:
    engine = connect(settings.database)
    try:
        with rows.snapshot(engine) as connection:
            tables = rows.write_tables(connection, folder)
            version = migrations.version_of(connection) or ""
            return Snapshot(version, tables, tuple(named_objects(connection)))
    finally:
        engine.dispose()


def _folder_of_objects(folder: Path) -> DirectoryStore:
    root = folder / manifest.OBJECTS
    root.mkdir(exist_ok=True)
    return DirectoryStore(root)


def _copy_all(
    named: tuple[NamedObject, ...],
    store: Store,
    target: DirectoryStore,
    folder: Path,
    found: dict[str, ObjectFile],
    progress: Progress,
) -> Copies:
    copies = Copies(dict(found))
    done, total = 0, sum(each.bytes for each in named)
    for each in named:
        if each.key not in copies.found:
            copied = _copy_one(each, store, target, folder / ".object")
            if copied is not None:
                copies.found[each.key] = copied
            elif not each.optional:
                copies.lost.add(each.key)
        done += each.bytes
        progress(done, total)
    return copies


def _copy_one(
    named: NamedObject, store: Store, target: DirectoryStore, spool: Path
) -> ObjectFile | None:
    """None if it is missing or damaged. An earlier copy is good: keys never get other content."""
    there = measure(target, named.key)
    if there is not None and there.sha256 == (named.sha256 or there.sha256):
        return there
    try:
        copied = copy(store, named.key, spool)
    except FileNotFoundError:
        return None
    if named.sha256 not in (None, copied.sha256):
        return None
    target.put(named.key, spool)
    return copied
