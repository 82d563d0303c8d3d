"""Limits of an untrusted archive, and the errors for what is beyond them."""

import contextlib
import errno
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from workers.compression.errors import CompressionError

MAX_ENTRIES = 500_000
MAX_FILE_BYTES = 2 * 1024**3
MAX_TOTAL_BYTES = 64 * 1024**3
MAX_RATIO = 200
MIN_BYTES_FOR_RATIO = 64 * 1024**2
"""Archives that unpack to less than this may have any ratio."""
MAX_HEADER_BYTES = 1024**2
CODE_PAGES = ("gbk", "shift_jis", "big5", "euc_kr", "cp1251")
"""In which older systems write names of files."""
CHUNK = 1024 * 1024
TAR_BLOCK = 512

# The records at the end of a zip file (APPNOTE.TXT, sections 4.3.14 to 4.3.16). Offsets count from
# the beginning of a record, in bytes.
END_RECORD, ZIP64_RECORD, ZIP64_LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
MAX_END_BYTES = 22 + 65_535
"""The end record with the longest comment."""
LOCATOR_BYTES, ZIP64_BYTES = 20, 56
END_COUNT_OFFSET, ZIP64_COUNT_OFFSET = 10, 32
ZIP_ENTRY_BYTES = 184
"""Of one entry in the directory: 46 fixed bytes and room for a long name."""

DAMAGED_ARCHIVE_ERRORS = (
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
"""What the standard library raises when it reads a damaged or unusual archive."""

Opener = Callable[[], contextlib.AbstractContextManager[IO[bytes]]]


@contextlib.contextmanager
def errors_as_damage() -> Iterator[None]:
    """Turn the standard library's errors about an archive into CompressionError."""
    try:
        yield
    except DAMAGED_ARCHIVE_ERRORS as error:
        raise damaged_archive(str(error)) from error
    except OSError as error:
        # Without a number, or with EINVAL, the archive is at fault and not the disk.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise damaged_archive(str(error)) from error


@contextlib.contextmanager
def open_member(opener: Callable[[], IO[bytes] | None]) -> Iterator[IO[bytes]]:
    """Open one member; the errors of opening and reading it become CompressionError."""
    with errors_as_damage(), opener() or io.BytesIO() as file:
        yield file


def stated_zip_entries(path: Path) -> int:
    """How many entries a zip file states at its end, or has room for in its directory."""
    with path.open("rb") as file:
        longest = MAX_END_BYTES + LOCATOR_BYTES + ZIP64_BYTES
        file.seek(max(0, path.stat().st_size - longest))
        tail = file.read()
    end = tail.rfind(END_RECORD)
    if end < 0:
        return 0
    record = tail.rfind(ZIP64_RECORD)
    has_locator = tail[max(0, end - LOCATOR_BYTES) : end].startswith(ZIP64_LOCATOR)
    if has_locator and 0 <= record <= len(tail) - ZIP64_COUNT_OFFSET - 16:
        # Two integers of 8 bytes: the number of entries, and the bytes of the directory.
        count, directory = struct.unpack_from("<2Q", tail, record + ZIP64_COUNT_OFFSET)
    else:
        # The same in 2 and 4 bytes.
        count, directory = struct.unpack_from("<HI", tail, end + END_COUNT_OFFSET)
    return max(int(count), int(directory) // ZIP_ENTRY_BYTES)


def check_tar_end(archive: tarfile.TarFile) -> None:
    """Check that a tar ends with a block of zeros, and that what follows unpacks.

    tarfile takes a damaged header for the end of the archive and says nothing.
    """
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    end = file.read(TAR_BLOCK)
    if len(end) < TAR_BLOCK or end.strip(b"\0"):
        raise damaged_archive("it ends early, or a header is damaged")
    rest = 0
    while chunk := file.read(CHUNK):
        rest += len(chunk)
        check_total(rest, MIN_BYTES_FOR_RATIO)


def check_size(name: str, size: int) -> None:
    """Refuse a member that unpacks to more than 2 GiB."""
    if size > MAX_FILE_BYTES:
        message = f"{name!r} unpacks to {size:,} bytes."
        hint = f"Keep each file below {MAX_FILE_BYTES:,} bytes."
        raise CompressionError("archive_too_large", message, hint)


def check_total(total: int, packed: int) -> None:
    """Refuse an archive of ``packed`` bytes that unpacks to too many, ``total`` bytes."""
    if total > MAX_TOTAL_BYTES or total > max(MIN_BYTES_FOR_RATIO, packed * MAX_RATIO):
        message = f"The archive has {packed:,} bytes but unpacks to {total:,} or more."
        limit = f"Keep the data below {MAX_TOTAL_BYTES:,} bytes"
        hint = f"{limit}; files that compress more than {MAX_RATIO}-fold are refused."
        raise CompressionError("archive_too_large", message, hint)


def damaged_archive(reason: str) -> CompressionError:
    """The error for an archive that cannot be read."""
    hint = "Make the archive again, as .zip with Deflate or as .tar.gz, and upload it again."
    return CompressionError("not_an_archive", f"The archive cannot be read: {reason}.", hint)


def too_many_entries() -> CompressionError:
    """The error for an archive of more than 500,000 members."""
    message = f"The archive has more than {MAX_ENTRIES:,} entries."
    hint = "Split the data, or leave out the files that are not images."
    return CompressionError("too_many_entries", message, hint)


def unsafe_archive(name: str, reason: str) -> CompressionError:
    """The error for a member that must not be unpacked."""
    hint = "Archive only plain files and folders, with relative names."
    return CompressionError("unsafe_archive", f"{name[:200]!r} {reason}.", hint)


def names_not_utf8(name: str) -> CompressionError:
    """The error for a zip entry whose name is in an unknown code page; ``name`` is read as 437."""
    readings = [f"{name[:200]!r} (cp437)"]
    for code_page in CODE_PAGES:
        with contextlib.suppress(UnicodeError):
            reading = name.encode("cp437").decode(code_page)
            readings.append(f"{reading[:200]!r} ({code_page})")
    message = (
        "Names in the zip file are not UTF-8, and the file does not say what they are. The first"
        f" could be {', '.join(readings)}."
    )
    hint = "Make the archive again with UTF-8 names, e.g. as .tar.gz, with 7-Zip or on macOS."
    return CompressionError("names_not_utf8", message, hint)
