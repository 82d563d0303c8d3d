"""The local folder of a service or a worker: for its own user only."""

import os
from pathlib import Path

from service.contract.settings import Settings

PRIVATE_FOLDER, PRIVATE_FILE, UMASK = 0o700, 0o600, 0o077


def prepare(settings: Settings) -> None:
    """Create ``data_dir`` and make it private, with what earlier versions left readable.

    What this process creates from now on is private, too. Raises OSError.
    """
    os.umask(UMASK)
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    folder = settings.data_dir
    for private in (folder, settings.work_dir, folder / "store"):
        _restrict(private, PRIVATE_FOLDER)
    for file in (folder / "key", *folder.glob("l2c.sqlite*")):
        _restrict(file, PRIVATE_FILE)


def _restrict(path: Path, mode: int) -> None:
    if path.exists() and path.stat().st_mode & ~mode & 0o777:
        path.chmod(mode)
