"""Files to the service with progress bars; an upload that was cut short is resumed."""

import hashlib
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from learn2compress.cli.kinds import Kind
from learn2compress.client import Client
from learn2compress.transfers import file_sha256
from learn2compress.transport import ConnectionFailed, Refused
from service.contract.client_settings import ClientSettings
from service.contract.job import InspectionState


class Memory:
    """Remembers which upload a file went into, by its SHA-256 and the server, in a small file."""

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
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=quiet)


def send(
    client: Client,
    kind: Kind,
    path: Path,
    bars: Progress,
    name: str | None = None,
    labels: dict[str, str] | None = None,
) -> Any:
    """Upload the file, resuming an earlier try, and create a record of it."""
    task, sha256 = _hash(path, bars)
    return _send(client, kind, path, sha256, task, bars, name, labels)


def find_or_send(client: Client, kind: Kind, path: Path, bars: Progress) -> Any:
    """The newest usable record of a file with these bytes, else ``send``."""
    task, sha256 = _hash(path, bars)
    for record in kind.list(client, sha256=sha256):
        if record.state != InspectionState.REJECTED:
            bars.reset(task, description=f"found {path.name}: {record.id}", total=record.bytes)
            bars.advance(task, record.bytes)
            return record
    return _send(client, kind, path, sha256, task, bars, None, None)


def wait_until_ready(client: Client, kind: Kind, record_id: str, quiet: bool) -> Any:
    """The record once it is ready; raises Refused with the inspection's error if it is rejected."""
    with Console(stderr=True, quiet=quiet).status(
        f"waiting for a worker to inspect the {kind.noun}"
    ):
        record = kind.wait_for(client, record_id)
    if record.state == InspectionState.REJECTED and record.error:
        error = record.error
        message = f"the {kind.noun} was rejected: {error.message}"
        raise Refused(422, error.code, message, error.hint)
    return record


def _hash(path: Path, bars: Progress) -> tuple[TaskID, str]:
    task = bars.add_task(f"hash {path.name}", total=path.stat().st_size)
    return task, file_sha256(path, lambda count: bars.advance(task, count))


def _send(
    client: Client,
    kind: Kind,
    path: Path,
    sha256: str,
    task: TaskID,
    bars: Progress,
    name: str | None,
    labels: dict[str, str] | None,
) -> Any:
    memory = Memory(client.transport.url, sha256)
    bars.reset(task, description=f"send {path.name}", total=path.stat().st_size)
    try:
        upload = client.upload_file(
            path,
            sha256=sha256,
            resume=memory.recall(),
            on_created=memory.keep,
            on_sent=lambda count: bars.advance(task, count),
        )
    except (KeyboardInterrupt, ConnectionFailed):
        bars.console.print(
            f"{path.name} was sent in part. The same command again sends only the rest.",
            markup=False,
        )
        raise
    try:
        record = kind.create(client, upload.id, name, labels)
    except Refused as refusal:
        if refusal.status != 409:
            raise
        # The remembered upload became a record earlier: send the file once more.
        upload = client.upload_file(path, sha256=sha256)
        record = kind.create(client, upload.id, name, labels)
    memory.forget()
    return record
