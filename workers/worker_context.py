"""What a worker needs to do its work, wired once at the edge and handed down."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from service.contract.records import Sessions, connect, sessions
from service.contract.settings import MIB, Settings
from service.contract.storage import Store, open_store
from workers import sandbox

ENGINE = (sys.executable, "-m", "workers.compression", "work")

LEAST_FILE_SIZE = 4 * 1024 * MIB


def never() -> bool:
    return False


def notify_nobody(job_id: str) -> None:
    """The notifier of the embedded mode: the claim loop looks at the table by itself."""


@dataclass(frozen=True)
class WorkerContext:
    """``notify`` tells some worker of a queued job; ``stopping`` says whether this one is to give its
    job back; ``command`` starts the child, its work folder appended.
    """

    settings: Settings
    sessions: Sessions
    store: Store
    notify: Callable[[str], None] = notify_nobody
    stopping: Callable[[], bool] = never
    command: tuple[str, ...] = ENGINE

    @property
    def limits(self) -> sandbox.Limits:
        asked = self.settings
        return sandbox.Limits(
            memory=asked.child_memory_bytes,
            file_size=max(asked.max_upload_bytes, LEAST_FILE_SIZE),
            required=asked.require_sandbox,
            cuda_visible_devices=asked.cuda_visible_devices,
        )


def refuse_unfit_machine(settings: Settings) -> None:
    """Exit with what this machine lacks, where it cannot confine a child that it must."""
    lacks = sandbox.missing()
    if lacks and settings.require_sandbox:
        raise SystemExit(
            f"This machine lacks {lacks}; L2C_REQUIRE_SANDBOX=false runs users' models without it."
        )


def open_worker_context(
    settings: Settings,
    notify: Callable[[str], None] = notify_nobody,
    stopping: Callable[[], bool] = never,
    command: tuple[str, ...] = ENGINE,
) -> WorkerContext:
    """Connect to the database and the store."""
    return WorkerContext(
        settings,
        sessions(connect(settings.database)),
        open_store(settings),
        notify,
        stopping,
        command,
    )
