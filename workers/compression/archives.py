"""Reads archives from untrusted users: .zip, .tar and .tar.gz.

Every name, count and size is checked before use.
"""

import errno
import re
import shutil
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from workers.compression.archive_checks import (
    DAMAGED_ARCHIVE_ERRORS,
    MAX_ENTRIES,
    MAX_HEADER_BYTES,
    Opener,
    check_size,
    check_tar_end,
    check_total,
    errors_as_damage,
    names_not_utf8,
    open_member,
    stated_zip_entries,
    too_many_entries,
    unsafe_archive,
)
from workers.compression.errors import CompressionError

CHUNK = 1024 * 1024
MAX_NAME = 1000
DRIVE = re.compile("[A-Za-z]:")
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 1
# The type of a file in the upper half of a zip entry's external attributes, as in stat(2); 0 is
# what systems without such types write.
FILE_TYPE_MASK, FOLDER_TYPE, REGULAR_TYPE, NO_TYPE = 0o170000, 0o040000, 0o100000, 0

Member = tuple[PurePosixPath, bool, Opener]


class CautiousTarInfo(tarfile.TarInfo):
    """Refuses extended headers of more than 1 MiB, which tarfile reads into memory as a whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES and self.size > MAX_HEADER_BYTES:
            raise unsafe_archive(self.name, "has a header of more than 1 MiB")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def is_archive(path: Path) -> bool:
    """Whether the file is a .zip, a .tar or a .tar.gz."""
    return zipfile.is_zipfile(path) or _is_tar(path)


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, tarinfo=CautiousTarInfo):
            return True
    except (*DAMAGED_ARCHIVE_ERRORS, OSError):
        return False


def members(path: Path) -> Iterator[Member]:
    """Yield (name, whether it is a folder, opener) of every member.

    Open a member before asking for the next one.

    Raises:
        CompressionError: not_an_archive, unsafe_archive, archive_too_large or too_many_entries.
    """
    with errors_as_damage():
        if zipfile.is_zipfile(path):
            yield from _zip_members(path)
        elif _is_tar(path):
            yield from _tar_members(path)
        else:
            message = "The file is not a .zip, .tar or .tar.gz archive."
            raise CompressionError("not_an_archive", message, "Upload an archive of class folders.")


def unpack(path: Path, folder: Path) -> None:
    """Unpack every member below ``folder``.

    Raises:
        CompressionError: what ``members`` raises.
    """
    for name, is_folder, opener in members(path):
        try:
            _unpack_member(folder / name, is_folder, opener)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise unsafe_archive(str(name), "collides with another name or is too long") from error


def _unpack_member(target: Path, is_folder: bool, opener: Opener) -> None:
    if is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with opener() as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, CHUNK)


def _zip_members(path: Path) -> Iterator[Member]:
    # Checked first, because ZipFile reads the whole directory into memory.
    if stated_zip_entries(path) > MAX_ENTRIES:
        raise too_many_entries()
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise too_many_entries()
        check_total(sum(info.file_size for info in archive.infolist()), path.stat().st_size)
        for info in archive.infolist():
            _check_zip_entry(info)
            opener = partial(open_member, partial(archive.open, info))
            yield _safe_name(_zip_name(info)), info.is_dir(), opener


def _check_zip_entry(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED_FLAG:
        message = f"{info.filename!r} is encrypted."
        raise CompressionError("unsafe_archive", message, "Upload the archive without a password.")
    file_type = (info.external_attr >> 16) & FILE_TYPE_MASK
    if file_type not in (NO_TYPE, REGULAR_TYPE, FOLDER_TYPE):
        raise unsafe_archive(info.filename, "is a link or a device")
    if not info.filename:
        # zipfile ends a name at its first NUL, and looks at the last character of what is left.
        raise unsafe_archive(info.orig_filename, "has no name")
    check_size(info.filename, info.file_size)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The entry's name; without the flag for UTF-8 zipfile has read it as code page 437.

    Raises:
        CompressionError: names_not_utf8.
    """
    if info.flag_bits & UTF8_FLAG:
        return info.filename
    # macOS writes UTF-8 without the flag.
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError as error:
        raise names_not_utf8(info.filename) from error


def _tar_members(path: Path) -> Iterator[Member]:
    packed, total = path.stat().st_size, 0
    with tarfile.open(path, tarinfo=CautiousTarInfo) as archive:
        for count, info in enumerate(archive):
            if count >= MAX_ENTRIES:
                raise too_many_entries()
            if not (info.isfile() or info.isdir()):
                raise unsafe_archive(info.name, "is a link or a device")
            total += info.size
            check_size(info.name, info.size)
            check_total(total, packed)
            opener = partial(open_member, partial(archive.extractfile, info))
            yield _safe_name(info.name), info.isdir(), opener
            # tarfile keeps every header in memory otherwise.
            archive.members.clear()  # type: ignore[attr-defined]
        check_tar_end(archive)


def _safe_name(name: str) -> PurePosixPath:
    path = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/"))
    leaves = path.is_absolute() or ".." in path.parts or DRIVE.match(name)
    if leaves or "\0" in name or len(name) > MAX_NAME:
        raise unsafe_archive(name, "is a path outside the archive, or too long")
    return path
