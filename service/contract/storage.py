"""Where bytes live: two stores behind the same methods.

In both a missing key is FileNotFoundError, a full disk an OSError with an errno of NO_SPACE, and
every method raises StoreUnavailable when the store does not do its work now.
"""

import errno
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from service.contract.directory_store import DirectoryStore
from service.contract.errors import StoreUnavailable
from service.contract.s3_store import S3Store
from service.contract.settings import Settings

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
log = logging.getLogger(__name__)


class Store(Protocol):
    def put(self, key: str, path: Path) -> None:
        """Move the local file to ``key``, which appears complete or not at all."""

    def get(self, key: str, path: Path) -> None:
        """Copy ``key`` to the local file ``path``."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) of ``key`` in chunks; raises at once if the key is missing."""

    def size(self, key: str) -> int:
        """Bytes at ``key``."""

    def check(self) -> None:
        """Raise within seconds if nothing could be put. Creates a missing bucket."""

    def delete(self, prefix: str) -> None:
        """Delete every key that starts with ``prefix``; none is no error, a key that is left is."""

    def url(self, key: str, filename: str) -> str | None:
        """A new link, good for ``s3_link_seconds`` without a key; None where the store has none."""


def open_store(settings: Settings) -> Store:
    """The S3 store if a bucket is set, else the folder ``store`` in the data folder.

    A missing folder is created, a missing bucket once the server answers.
    """
    if not settings.s3_bucket:
        root = settings.data_dir / "store"
        root.mkdir(parents=True, exist_ok=True)
        return DirectoryStore(root)
    store = S3Store(settings)
    try:
        store.check()
    except StoreUnavailable as error:
        # Whoever opens it probes it again before each piece of work.
        log.warning("%s", error)
    return store
