"""The embedded mode's store: a folder. See ``storage.Store`` for what each method promises."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.contract.errors import StoreUnavailable
from service.contract.settings import MIB

CHUNK = MIB
AWAY = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT)
"""What the system says of a disk or a network drive that has gone away."""


class DirectoryStore:
    """Keys are paths below a folder; ``put`` renames, so nothing is ever half there."""

    def __init__(self, root: Path):
        self.root = root.resolve()

    def _path(self, key: str) -> Path:
        # Resolved, so that neither ".." nor a link can lead out of the folder.
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"key {key!r} leaves the store")
        return path

    def put(self, key: str, path: Path) -> None:
        target = self._path(key)
        # A folder that is not mounted must not be filled beneath its mount point.
        self.check()
        with self._available():
            target.parent.mkdir(parents=True, exist_ok=True)
        # Staged beside the target: a rename within a folder is atomic, a move between disks not.
        staged = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(6).hex()}")
        with self._available():
            try:
                shutil.move(path, staged)
                os.replace(staged, target)
            finally:
                staged.unlink(missing_ok=True)

    def get(self, key: str, path: Path) -> None:
        with self._available():
            shutil.copyfile(self._path(key), path)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        with self._available():
            file = self._path(key).open("rb")
        return self._chunks(file, start, end)

    def size(self, key: str) -> int:
        with self._available():
            return self._path(key).stat().st_size

    def check(self) -> None:
        if not self.root.is_dir():
            raise StoreUnavailable(f"The folder {self.root} of the store is missing.")

    def delete(self, prefix: str) -> None:
        path = self._path(prefix)
        # Where the folder is not mounted nothing is deleted, although nothing is there.
        self.check()
        with self._available():
            if not prefix.endswith("/"):
                for file in path.parent.glob(f"{path.name}*"):
                    file.unlink(missing_ok=True)
                return
            while path.exists():
                # Another process may delete the same files; what cannot be deleted is an error.
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path)

    def url(self, key: str, filename: str) -> str | None:
        return None

    def _chunks(self, file: Any, start: int, end: int | None) -> Iterator[bytes]:
        with self._available(), file:
            file.seek(start)
            left = None if end is None else end - start
            while left is None or left > 0:
                chunk = file.read(CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    return
                left = left if left is None else left - len(chunk)
                yield chunk

    @contextlib.contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            # Without its folder the store is away, and no key is known to be missing.
            self.check()
            raise
        except OSError as error:
            if error.errno in AWAY:
                raise StoreUnavailable(f"The store's disk does not answer: {error}") from error
            raise
