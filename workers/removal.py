"""Removes a folder that a hostile process has filled: of any depth, with any modes and names."""

import itertools
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(root: Path) -> None:
    """Remove ``root`` and all that is in it; no process may write there any more.

    Each folder's own folders are first moved up into ``root``, so that neither the depth of the
    tree nor the length of a path is limited. Folders without permissions are made ours.

    Raises:
        OSError: what could not be removed. A missing ``root`` is no error.
    """
    try:
        _make_ours(root)
        top = os.open(root, FOLDER)
    except FileNotFoundError:
        return
    try:
        names = _unused_names()
        waiting = deque(_take_apart(top, top, names))
        while waiting:
            name = waiting.popleft()
            folder = os.open(name, FOLDER, dir_fd=top)
            try:
                waiting.extend(_take_apart(folder, top, names))
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(root)


def _unused_names() -> Iterator[str]:
    prefix = uuid4().hex
    return (f"{prefix}-{number}" for number in itertools.count())


def _take_apart(folder: int, top: int, names: Iterator[str]) -> list[str]:
    """Delete the folder's files, move its folders to ``top``; their new names."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        _make_ours(name, folder)
        moved.append(next(names))
        os.rename(name, moved[-1], src_dir_fd=folder, dst_dir_fd=top)
    return moved


def _make_ours(folder: Path | str, parent: int | None = None) -> None:
    """Own the folder, and have every right to it, as moving and emptying it needs."""
    found = os.stat(folder, dir_fd=parent, follow_symlinks=False)
    if found.st_uid != os.geteuid():
        os.chown(folder, os.geteuid(), -1, dir_fd=parent, follow_symlinks=False)
    if found.st_mode & 0o700 != 0o700:
        os.chmod(folder, 0o700, dir_fd=parent)
