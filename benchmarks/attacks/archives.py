"""Hostile archives of images: names, sizes, counts and records that lie."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.attacks.hostile import READY, Hostile, hostile
from benchmarks.attacks.raw_zip import Entry, overlapping_zip, raw_zip, zip64_end
from tests.workers.compression.conftest import class_folders, write_zip

MIB = 1024 * 1024
PER_CLASS = 8
IMAGES = class_folders(PER_CLASS)
HARMLESS = [Entry(name.encode(), content) for name, content in IMAGES.items()]
IMAGE = next(iter(IMAGES.values()))
EVIL = b"evil.png"
MARKER = b"/tmp/l2c-evil.png"
LINK, DEVICE, PIPE = 0o120777 << 16, 0o060666 << 16, 0o010666 << 16
Writer = Callable[[Path], object]


def raw(*entries: Entry, prefix: bytes = b"", count: int | None = None) -> Writer:
    """A harmless dataset with these entries."""

    def write(path: Path) -> None:
        path.write_bytes(raw_zip(*HARMLESS, *entries, prefix=prefix, stated_count=count))

    return write


def named(name: bytes, flags: int = 0x800) -> Writer:
    return raw(Entry(name, IMAGE, flags=flags))


def content(data: bytes) -> Writer:
    return lambda path: path.write_bytes(data)


def whole() -> bytes:
    return raw_zip(*HARMLESS)


def tarred(name: str = "x", size: int = 0, mode: str = "w:gz", **fields: object) -> Writer:
    """A tar of the harmless images and one more member, with these fields of its header."""

    def write(path: Path) -> None:
        with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for image, data in IMAGES.items():
                info = tarfile.TarInfo(image)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            info = tarfile.TarInfo(name)
            info.size = size
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(bytes(size)))

    return write


def link(kind: bytes, target: str) -> Writer:
    return tarred("red/link.png", type=kind, linkname=target)


def bomb(files: int, mib: int, method: int = zipfile.ZIP_DEFLATED) -> Writer:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for number in range(files):
                archive.writestr(f"red/{number}.png", bytes(mib * MIB))

    return write


def nested_bomb(path: Path) -> None:
    """An archive in an archive, three deep, of 100 MiB."""
    inner = path.with_suffix(".inner")
    bomb(1, 50)(inner)
    data = inner.read_bytes()
    for _ in range(2):
        data = raw_zip(*(Entry(b"red/%d.zip" % number, data, method=8) for number in range(9)))
    inner.unlink()
    path.write_bytes(raw_zip(*HARMLESS, Entry(b"red/inner.zip", data, method=8)))


def understated_bomb(path: Path) -> None:
    """20 MiB of zeros that the headers call 10 bytes."""
    lie = Entry(b"red/bomb.png", bytes(20 * MIB), method=8, stated_size=10)
    path.write_bytes(raw_zip(*HARMLESS, lie))


def overlapping_bomb(path: Path) -> None:
    """500 entries that are all the same 8 MiB, 4 GB in all."""
    names = [b"red/%d.png" % number for number in range(500)]
    kernel = Entry(b"red/0.png", bytes(8 * MIB), method=8)
    path.write_bytes(overlapping_zip(names, kernel))


def million_entries(path: Path) -> None:
    entry = Entry(b"red/1.png").central(0)
    directory = entry * 1_000_000
    path.write_bytes(directory + zip64_end(1_000_000, len(directory), 0))


def zip64_lies(count: int, size: int, offset: int) -> Writer:
    def write(path: Path) -> None:
        path.write_bytes(whole()[:-22] + zip64_end(count, size, offset))

    return write


def cut(share: float) -> Writer:
    return lambda path: path.write_bytes(whole()[: int(share * len(whole()))])


def cut_tar(path: Path) -> None:
    tarred()(path)
    path.write_bytes(path.read_bytes()[:-20])


def tar_with_damage(path: Path) -> None:
    tarred(mode="w")(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"green/003.png") + 148
    data[at : at + 8] = b"garbage!"
    path.write_bytes(data)


def tar_of_a_huge_size(path: Path) -> None:
    """A header that states 2**62 bytes, and has none."""
    tarred("red/huge.png", mode="w")(path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"red/huge.png")
    data[at + 124 : at + 136] = b"\x80" + (2**62).to_bytes(11, "big")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    path.write_bytes(data)


def many_classes(path: Path) -> None:
    names = (f"class{number}/1.png" for number in range(10_001))
    write_zip(path, dict.fromkeys(names, b""))


def with_labels(name: bytes, text: bytes) -> Writer:
    return raw(Entry(name, text))


UNICODE_NAME = struct.pack("<HHBI", 0x7075, 5 + len(b"../../x.png"), 1, 0) + b"../../x.png"
ARCHIVES: tuple[Hostile, ...] = (
    hostile("an absolute path", "unsafe_archive", named(MARKER)),
    hostile("a path above the archive", "unsafe_archive", named(b"../../../" + EVIL)),
    hostile("a path that goes down and up", "unsafe_archive", named(b"red/../../../../" + EVIL)),
    hostile("backslashes upwards", "unsafe_archive", named(b"red\\..\\..\\..\\" + EVIL)),
    hostile("a drive letter", "unsafe_archive", named(b"C:\\red\\evil.png")),
    hostile("a share of a network", "unsafe_archive", named(b"\\\\host\\share\\evil.png")),
    hostile("an absolute path in a tar", "unsafe_archive", tarred("/tmp/l2c-evil.png", 9)),
    hostile("a path above the archive in a tar", "unsafe_archive", tarred("../../evil.png", 9)),
    hostile(
        "a symbolic link in a zip",
        "unsafe_archive",
        raw(Entry(b"red/link.png", b"/etc/passwd", attributes=LINK)),
    ),
    hostile("a device in a zip", "unsafe_archive", raw(Entry(b"red/d.png", attributes=DEVICE))),
    hostile("a pipe in a zip", "unsafe_archive", raw(Entry(b"red/p.png", attributes=PIPE))),
    hostile("a symbolic link in a tar", "unsafe_archive", link(tarfile.SYMTYPE, "/etc/passwd")),
    hostile("a hard link in a tar", "unsafe_archive", link(tarfile.LNKTYPE, "/etc/passwd")),
    hostile("a device in a tar", "unsafe_archive", link(tarfile.BLKTYPE, "")),
    hostile("a pipe in a tar", "unsafe_archive", link(tarfile.FIFOTYPE, "")),
    hostile("a link to a folder above", "unsafe_archive", link(tarfile.SYMTYPE, "../..")),
    hostile("a zip bomb", "archive_too_large", bomb(4, 64)),
    hostile("a bzip2 bomb in a zip", "archive_too_large", bomb(4, 64, zipfile.ZIP_BZIP2)),
    hostile("an LZMA bomb in a zip", "archive_too_large", bomb(4, 64, zipfile.ZIP_LZMA)),
    hostile("a tar bomb", "archive_too_large", tarred("red/b.png", 200 * MIB)),
    hostile("a bomb in a bomb", "ready", nested_bomb),
    hostile("a bomb whose size is understated", "not_an_archive", understated_bomb),
    hostile("a bomb of overlapping entries", "archive_too_large", overlapping_bomb),
    hostile(
        "an entry that states 4 GB",
        "archive_too_large",
        raw(Entry(b"red/huge.png", b"x", stated_size=2**32 - 2)),
    ),
    hostile(
        "a tar header that states 2**62 bytes",
        "archive_too_large",
        tar_of_a_huge_size,
    ),
    hostile(
        "a tar header of 5 MB", "unsafe_archive", tarred(pax_headers={"comment": "x" * 5 * MIB})
    ),
    hostile("a million entries", "too_many_entries", million_entries),
    hostile("a stated count of 65,534 entries", READY, raw(count=65_534)),
    hostile("a stated count of no entries", READY, raw(count=0)),
    hostile("zip64: 2**63 entries", "too_many_entries", zip64_lies(2**63, 100, 0)),
    hostile("zip64: a directory of 2**62 bytes", "too_many_entries", zip64_lies(1, 2**62, 0)),
    hostile("zip64: a directory behind the end", "not_an_archive", zip64_lies(1, 100, 2**62)),
    hostile(
        "the same name twice",
        "unsafe_archive",
        raw(Entry(b"red/twice.png", IMAGE), Entry(b"red/twice.png", IMAGE)),
    ),
    hostile(
        "a file that is also a folder",
        READY,
        raw(Entry(b"red/both.png", IMAGE), Entry(b"red/both.png/1.png", IMAGE)),
    ),
    hostile(
        "another name in the local header",
        "not_an_archive",
        raw(Entry(b"red/name.png", IMAGE, local_name=b"../evil2.png")),
    ),
    hostile(
        "another name in an extra field",
        READY,
        raw(Entry(b"red/extra.png", IMAGE, extra=UNICODE_NAME)),
    ),
    hostile("an encrypted entry", "unsafe_archive", raw(Entry(b"red/e.png", IMAGE, flags=0x801))),
    hostile(
        "strong encryption",
        "unsafe_archive",
        raw(Entry(b"red/e.png", IMAGE, flags=0x841)),
    ),
    hostile("an unknown compression", "not_an_archive", raw(Entry(b"red/c.png", IMAGE, method=99))),
    hostile("a wrong checksum", "not_an_archive", raw(Entry(b"red/c.png", IMAGE, stated_crc=1))),
    hostile("a NUL in a name", READY, named(b"red/a.png\0../../evil.png")),
    hostile("an entry without a name", "unsafe_archive", named(b"")),
    hostile("a line break in a name", "unsafe_archive", named(b"red/a\nb.png")),
    hostile("an escape sequence in a name", "unsafe_archive", named(b"red/\x1b[2J.png")),
    hostile(
        "a name that reads from right to left",
        "unsafe_archive",
        named("red/\u202egnp.exe.png".encode()),
    ),
    hostile(
        "half a character in a name",
        "not_an_archive",
        named(b"red/\xed\xa0\x80.png"),
    ),
    hostile("a name in no code page", "names_not_utf8", named(b"red/\xff\xfe.png", flags=0)),
    hostile("classes that differ in case", "similar_class_names", named(b"RED/1.png")),
    hostile("a name of 60,000 letters", "unsafe_archive", named(b"red/" + b"x" * 60_000)),
    hostile("a path of 500 folders", "too_few_images", named(b"a/" * 490 + b"1.png")),
    hostile("10,001 classes", "too_many_classes", many_classes),
    hostile(
        "markup as the name of a class",
        "too_few_images",
        named(b"<script>alert(1)</script>/1.png"),
    ),
    hostile(
        "a formula as the name of a class", "too_few_images", named(b"=cmd|' /C calc'!A0/1.png")
    ),
    hostile(
        "labels.csv with a path above",
        "ready",
        with_labels(b"labels.csv", b"path,label\n../../../etc/passwd,red\n"),
    ),
    hostile("a program before the archive", "ready", raw(prefix=b"\x7fELF" + bytes(4096))),
    hostile(
        "a Python module in the archive",
        "empty_class",
        raw(
            Entry(b"workers/__init__.py", b"raise SystemExit('imported')"),
            Entry(b"sitecustomize.py", b"raise SystemExit('imported')"),
        ),
    ),
    hostile("half a zip", "not_an_archive", cut(0.5)),
    hostile("a zip without its last bytes", "not_an_archive", cut(0.999)),
    hostile("half a tar.gz", "not_an_archive", cut_tar),
    hostile("a tar with a damaged header", "not_an_archive", tar_with_damage),
    hostile("one byte", "not_an_archive", content(b"P")),
    hostile(
        "only the end of a zip",
        "no_class_folders",
        content(b"PK\x05\x06" + bytes(18)),
    ),
    hostile("a pickle", "not_an_archive", content(b"\x80\x04cos\nsystem\n(S'id'\ntR." * 9)),
)
