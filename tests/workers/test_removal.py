"""Folders as a hostile child may leave them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.removal import remove_tree

# As another user where this one may become another: nothing keeps root out of a folder.
CHILD = """
import os, sys
if os.geteuid() == 0:
    os.setuid(60001)
"""


def fill(folder: Path, code: str) -> None:
    folder.chmod(0o777)
    command = [sys.executable, "-c", CHILD + code]
    subprocess.run(command, cwd=folder, check=True, timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    made = tmp_path / "attempt"
    made.mkdir()
    return made


def test_a_deep_tree_is_removed(folder: Path) -> None:
    fill(folder, "for n in range(3000): os.mkdir('d' * 200); os.chdir('d' * 200); open('f', 'w')")
    remove_tree(folder)
    assert not folder.exists()


def test_folders_without_permissions_are_removed(folder: Path) -> None:
    code = "os.makedirs('a/b/c'); open('a/b/c/f', 'w'); "
    code += "[os.chmod(p, 0) for p in ('a/b/c/f', 'a/b/c', 'a/b', 'a')]"
    fill(folder, code)
    remove_tree(folder)
    assert not folder.exists()


def test_links_are_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    fill(
        folder,
        "os.symlink('../kept', 'link'); os.mkfifo('pipe'); os.mkdir('d'); os.symlink('..', 'd/up')",
    )
    remove_tree(folder)
    assert (tmp_path / "kept" / "file").read_text() == "kept"
    assert not folder.exists()


def test_a_missing_folder_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")


def test_a_link_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(OSError):
        remove_tree(tmp_path / "link")
    assert os.listdir(tmp_path / "kept") == []
