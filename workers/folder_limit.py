"""How much a child may keep in its work folder: looked at while it runs."""

import os
import time
from pathlib import Path

from service.contract.job import JobError
from workers import obstacles
from workers.attempt import Attempt
from workers.outcomes import DISK_FULL, Postponed, Refused

SECONDS_BETWEEN_LOOKS = 5.0
MOST_FILES = 2_000_000
WORK_FOLDER_FULL = JobError(
    code="work_folder_full",
    message="The job needs more room for its files than this service gives to one job.",
    hint="Use fewer or smaller images, or ask the operator to raise L2C_WORK_FOLDER_BYTES.",
)


class FolderLimit:
    """Of one child. Deleted files that it holds open count through the disk's free space."""

    def __init__(self, attempt: Attempt):
        self._context, self._folder = attempt.context, attempt.folder
        self._next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS

    def check(self) -> None:
        """Raise Refused above the limit, Postponed when the disk is almost full, every 5 s."""
        if time.monotonic() < self._next_look:
            return
        if used_bytes(self._folder) > self._context.settings.work_folder_bytes:
            raise Refused(WORK_FOLDER_FULL, by_child=True)
        if obstacles.free_bytes(self._context) < obstacles.RESERVE / 4:
            raise Postponed(DISK_FULL, "the disk is almost full")
        self._next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS


def used_bytes(folder: Path) -> float:
    """Of all files below the folder, as the disk has them; infinite above MOST_FILES files."""
    used, files, waiting = 0, 0, [str(folder)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            # The child has removed it, or made it unreadable: then the free space still tells.
            continue
        with entries:
            for entry in entries:
                files += 1
                if files > MOST_FILES:
                    return float("inf")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                try:
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
                except FileNotFoundError:
                    continue
    return used
