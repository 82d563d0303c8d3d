"""Files to the service with progress bars; an upload that was cut short is remembered and goes on."""

import hashlib
import json
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from learn2compress.client import Client, Kind
from learn2compress.transfers import file_sha256
from learn2compress.transport import Refused
from service.contract.client_settings import ClientSettings
from service.contract.job import InspectionState
from service.contract.views import DatasetView, ModelView


class Memory:
    """Which upload a file went into, by its SHA-256 and the server: one small file per upload."""

    def __init__(self, url: str, sha256: str):
        name = hashlib.sha256(f"{url} {sha256}".encode()).hexdigest()
        self._file = ClientSettings().cache_dir.expanduser() / "uploads" / f"{name}.json"

    def recall(self) -> str | None:
        try:
            return str(json.loads(self._file.read_text())["upload_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, upload_id: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"upload_id": upload_id}))

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def transfer_bars(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=quiet)


def send(
    client: Client, kind: Kind, path: Path, bars: Progress, name: str | None = None
) -> ModelView | DatasetView:
    """Upload the file, going on where an earlier try stopped, and make a record of it."""
    size = path.stat().st_size
    task = bars.add_task(f"hash {path.name}", total=size)
    sha256 = file_sha256(path, lambda count: bars.advance(task, count))
    memory = Memory(client.transport.url, sha256)
    bars.reset(task, description=f"send {path.name}", total=size)
    upload = client.upload(
        path,
        sha256=sha256,
        resume=memory.recall(),
        created=memory.keep,
        sent=lambda count: bars.advance(task, count),
    )
    try:
        record = client.create(kind, upload.id, name)
    except Refused as refusal:
        if refusal.status != 409:
            raise
        # The remembered upload became a record earlier: send the file once more.
        memory.forget()
        return client.create(kind, client.upload(path, sha256=sha256).id, name)
    memory.forget()
    return record


def wait_until_ready(
    client: Client, kind: Kind, record_id: str, quiet: bool
) -> ModelView | DatasetView:
    """The record once it is ready; raises Refused with the inspection's own words when it was
    rejected.
    """
    console = Console(stderr=True, quiet=quiet)
    with console.status(f"the {kind[:-1]} is being inspected"):
        record = client.inspected(kind, record_id)
    if record.state == InspectionState.REJECTED and record.error:
        error = record.error
        raise Refused(422, error.code, f"the {kind[:-1]} was rejected: {error.message}", error.hint)
    return record
