"""Reading archives that strangers made: .zip, .tar and .tar.gz, every name, count and size checked
before use.
"""

import contextlib
import errno
import gzip
import io
import lzma
import os
import shutil
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from workers.compression.errors import CompressionError

MAX_ENTRIES = 500_000
MAX_FILE_BYTES = 2 * 1024**3
MAX_TOTAL_BYTES = 64 * 1024**3
MAX_RATIO = 200
RATIO_GRACE_BYTES = 64 * 1024**2
CHUNK = 1024 * 1024
MAX_HEADER_BYTES = 1024**2
ZIP_ENTRY_BYTES = 184  # of the central directory: 46, and room for a long name
BLOCK = 512
UTF8_FLAG = 0x800

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
)

Opener = Callable[[], contextlib.AbstractContextManager[IO[bytes]]]


class CautiousTarInfo(tarfile.TarInfo):
    """Refuses extended headers of more than 1 MiB, which tarfile would read into memory whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES and self.size > MAX_HEADER_BYTES:
            raise _unsafe(self.name, "has a header of more than 1 MiB")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def is_archive(path: Path) -> bool:
    return zipfile.is_zipfile(path) or _is_tar(path)


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, tarinfo=CautiousTarInfo):
            return True
    except (*DAMAGE, OSError):
        return False


def members(path: Path) -> Iterator[tuple[PurePosixPath, bool, Opener]]:
    """Yield (name, is a folder, opener) of every member; open a member before asking for the next
    one.

    Raises:
        CompressionError: not_an_archive, unsafe_archive, archive_too_large or too_many_entries.
    """
    with _damage_named():
        if zipfile.is_zipfile(path):
            yield from _zip_members(path)
        elif _is_tar(path):
            yield from _tar_members(path)
        else:
            hint = "Upload an archive of class folders."
            raise CompressionError("not_an_archive", "The file is no .zip, .tar or .tar.gz.", hint)


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise _damaged(str(error)) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _damaged(str(error)) from error


def _damaged(what: str) -> CompressionError:
    hint = "Make the archive again, as .zip with Deflate or as .tar.gz, and upload it again."
    return CompressionError("not_an_archive", f"The archive cannot be read: {what}.", hint)


@contextlib.contextmanager
def _opened(open_member: Callable[[], IO[bytes] | None]) -> Iterator[IO[bytes]]:
    with _damage_named(), open_member() or io.BytesIO() as file:
        yield file


def _zip_members(path: Path) -> Iterator[tuple[PurePosixPath, bool, Opener]]:
    if _zip_entries(path) > MAX_ENTRIES:
        raise _too_many()
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise _too_many()
        packed = path.stat().st_size
        _check_total(sum(info.file_size for info in archive.infolist()), packed)
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise CompressionError(
                    "unsafe_archive",
                    f"{info.filename!r} is encrypted.",
                    "Upload the archive without a password.",
                )
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
                raise _unsafe(info.filename, "is a link or a device")
            _check_size(info.filename, info.file_size)
            yield (
                _safe_name(_zip_name(info)),
                info.is_dir(),
                partial(_opened, partial(archive.open, info)),
            )


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Without its flag a name is of code page 437, says the format; macOS writes UTF-8 all the
    same.
    """
    try:
        return (
            info.filename if info.flag_bits & UTF8_FLAG else info.filename.encode("cp437").decode()
        )
    except UnicodeError:
        return info.filename


def _zip_entries(path: Path) -> int:
    """The entries that the end-of-central-directory record states, or has room for; read before the
    directory is.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_557 - 76))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    zip64 = (
        tail.rfind(b"PK\x06\x06") if tail[max(0, end - 20) : end].startswith(b"PK\x06\x07") else -1
    )
    if zip64 >= 0 and len(tail) >= zip64 + 48:
        count, directory = struct.unpack_from("<2Q", tail, zip64 + 32)
    else:
        count, directory = struct.unpack_from("<HI", tail, end + 10) if end >= 0 else (0, 0)
    return max(int(count), int(directory) // ZIP_ENTRY_BYTES)


def _tar_members(path: Path) -> Iterator[tuple[PurePosixPath, bool, Opener]]:
    packed, total = path.stat().st_size, 0
    with tarfile.open(path, tarinfo=CautiousTarInfo) as archive:
        for count, info in enumerate(archive):
            if count >= MAX_ENTRIES:
                raise _too_many()
            if not (info.isfile() or info.isdir()):
                raise _unsafe(info.name, "is a link or a device")
            total += info.size
            _check_size(info.name, info.size)
            _check_total(total, packed)
            yield (
                _safe_name(info.name),
                info.isdir(),
                partial(_opened, partial(archive.extractfile, info)),
            )
            archive.members.clear()  # type: ignore[attr-defined]  # else every header stays in memory
        _check_tar_end(archive)


def _check_tar_end(archive: tarfile.TarFile) -> None:
    """tarfile takes a damaged header for the end; the real end is a block of zeros, and the rest
    must unpack.
    """
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    end = file.read(BLOCK)
    if len(end) < BLOCK or end.strip(b"\0"):
        raise _damaged("it ends early, or a header is broken")
    rest = 0
    while chunk := file.read(CHUNK):
        rest += len(chunk)
        _check_total(rest, RATIO_GRACE_BYTES)


def unpack(path: Path, folder: Path) -> None:
    """Unpack every member below ``folder``; raises what ``members`` raises."""
    for name, is_folder, opened in members(path):
        target = folder / name
        try:
            (target if is_folder else target.parent).mkdir(parents=True, exist_ok=True)
            if not is_folder:
                with opened() as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink, CHUNK)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise _unsafe(str(name), "collides with another name or is too long") from error


def _safe_name(name: str) -> PurePosixPath:
    path = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/"))
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\0" in name
        or os.path.splitdrive(name)[0]
        or len(name) > 1000
    ):
        raise _unsafe(name, "leads out of the archive")
    return path


def _check_size(name: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise CompressionError(
            "archive_too_large",
            f"{name!r} unpacks to {size:,} bytes.",
            f"Keep each file under {MAX_FILE_BYTES:,} bytes.",
        )


def _check_total(total: int, packed: int) -> None:
    if total > MAX_TOTAL_BYTES or total > max(RATIO_GRACE_BYTES, packed * MAX_RATIO):
        raise CompressionError(
            "archive_too_large",
            f"The archive holds {packed:,} bytes but unpacks to {total:,} or more.",
            f"Keep the data under {MAX_TOTAL_BYTES:,} bytes; images do not shrink {MAX_RATIO}-fold.",
        )


def _too_many() -> CompressionError:
    return CompressionError(
        "too_many_entries",
        f"The archive has over {MAX_ENTRIES:,} entries.",
        "Split the data or leave out what is no image.",
    )


def _unsafe(name: str, what: str) -> CompressionError:
    return CompressionError(
        "unsafe_archive",
        f"{name[:200]!r} {what}.",
        "Archive plain files and folders only, by relative names.",
    )
