"""What a worker needs to do its work; built once where a worker starts, and passed on."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from service.contract.records import Sessions, connect, sessions
from service.contract.settings import MIB, Settings
from service.contract.storage import Store, open_store
from workers import sandbox
from workers.metrics import WorkerMetrics
from workers.presence import Presence

ENGINE = (sys.executable, "-m", "workers.compression")

# The decoded images of a dataset are one file, and larger than the upload.
LEAST_FILE_SIZE = 4 * 1024 * MIB


def never() -> bool:
    return False


def notify_nobody(job_id: str) -> None:
    """For the embedded mode, where the loop reads the table itself."""


@dataclass(frozen=True)
class WorkerContext:
    """Settings, database and store of a worker.

    ``notify`` tells some worker of a queued job; ``stopping`` says whether this worker was told to
    stop; ``command`` starts the child, its work folder appended.
    """

    settings: Settings
    sessions: Sessions
    store: Store
    notify: Callable[[str], None] = notify_nobody
    stopping: Callable[[], bool] = never
    command: tuple[str, ...] = ENGINE
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    presence: Presence = field(default_factory=Presence)

    @property
    def limits(self) -> sandbox.Limits:
        return limits_of(self.settings)


def limits_of(settings: Settings) -> sandbox.Limits:
    """What a child may use."""
    return sandbox.Limits(
        memory=settings.child_memory_bytes,
        file_size=max(settings.max_upload_bytes, LEAST_FILE_SIZE),
        uid=settings.child_uid,
        mode=settings.sandbox,
        cuda_visible_devices=settings.cuda_visible_devices,
    )


def open_worker_context(
    settings: Settings,
    notify: Callable[[str], None] = notify_nobody,
    stopping: Callable[[], bool] = never,
    command: tuple[str, ...] = ENGINE,
    metrics: WorkerMetrics | None = None,
    presence: Presence | None = None,
) -> WorkerContext:
    """Connect to the database and the store."""
    return WorkerContext(
        settings,
        sessions(connect(settings.database)),
        open_store(settings),
        notify,
        stopping,
        command,
        metrics or WorkerMetrics(),
        presence or Presence(),
    )
