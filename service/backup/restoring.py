"""A backup into an empty database and a store, also of the other mode: first the store."""

from pathlib import Path

from sqlalchemy import Engine, inspect, select

import migrations
from service.backup import manifest, rows
from service.backup.manifest import Manifest, ObjectFile, Progress
from service.backup.objects import copy
from service.contract import data_folder
from service.contract.directory_store import DirectoryStore
from service.contract.errors import Conflict, Malformed
from service.contract.records import Account, connect
from service.contract.settings import Settings
from service.contract.storage import Store, open_store


def restore(settings: Settings, folder: Path, progress: Progress) -> Manifest:
    """Restore the backup and migrate it to this version.

    The rows come last, in one transaction: after an interruption the same call goes on. Raises
    Malformed for a backup that is damaged or of a later version, Conflict for a database that is
    in use, StoreUnavailable.
    """
    wanted = manifest.read(folder)
    _require_known(wanted.schema_version)
    data_folder.prepare(settings)
    engine = connect(settings.database)
    try:
        _require_empty(engine, wanted.schema_version)
        store = open_store(settings)
        store.check()
        _restore_objects(wanted, folder, store, settings.work_dir / "restored", progress)
        migrations.upgrade(settings.database, wanted.schema_version)
        with engine.begin() as connection:
            rows.read_tables(connection, folder)
    finally:
        engine.dispose()
    migrations.upgrade(settings.database)
    return wanted


def _require_known(version: str) -> None:
    if version not in migrations.known_versions():
        message = f"The backup is of version {version} of the database, which is not known here."
        raise Malformed(message, "Install the version of learn2compress that made it, or a later.")


def _require_empty(engine: Engine, version: str) -> None:
    """Without tables, or migrated to this very version and without accounts."""
    with engine.connect() as connection:
        present = migrations.version_of(connection)
        if present is None and not inspect(connection).get_table_names():
            return
        if present is None or connection.scalar(select(Account.id).limit(1)) is not None:
            hint = "Restore into a new, empty database, before the service's first start."
            raise Conflict("The database is not empty.", hint)
    if present != version:
        message = f"The database is at version {present}, the backup at {version}."
        raise Conflict(message, "Restore into a database without tables; it is migrated then.")


def _restore_objects(
    wanted: Manifest, folder: Path, store: Store, spool: Path, progress: Progress
) -> None:
    source, done = DirectoryStore(folder / manifest.OBJECTS), 0
    for each in wanted.objects:
        _restore_object(each, source, store, spool)
        done += each.bytes
        progress(done, wanted.bytes)


def _restore_object(wanted: ObjectFile, source: DirectoryStore, store: Store, spool: Path) -> None:
    """A store shows no object that is half there: one of the same size was restored before."""
    try:
        copied = copy(source, wanted.key, spool)
    except FileNotFoundError as error:
        raise manifest.damaged(source.root / wanted.key) from error
    try:
        if copied != wanted:
            raise manifest.damaged(source.root / wanted.key)
        if not _is_there(store, wanted):
            store.put(wanted.key, spool)
    finally:
        spool.unlink(missing_ok=True)


def _is_there(store: Store, wanted: ObjectFile) -> bool:
    try:
        return store.size(wanted.key) == wanted.bytes
    except FileNotFoundError:
        return False
