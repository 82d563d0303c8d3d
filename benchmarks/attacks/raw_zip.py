"""Zip files written byte by byte, with lies that no library writes (APPNOTE.TXT, section 4.3)."""

import struct
import zlib
from dataclasses import dataclass

UTF8 = 0x800
ZIP64_COUNT = 0xFFFF


@dataclass(frozen=True)
class Entry:
    """What one entry is, and what its headers say of it; None: the truth."""

    name: bytes
    content: bytes = b""
    stated_size: int | None = None
    stated_crc: int | None = None
    local_name: bytes | None = None
    method: int = 0
    flags: int = UTF8
    attributes: int = 0
    extra: bytes = b""

    def fields(self) -> tuple[int, ...]:
        """From the version needed to the length of the extra field."""
        crc = zlib.crc32(self.content) if self.stated_crc is None else self.stated_crc
        size = len(self.content) if self.stated_size is None else self.stated_size
        sizes = (len(self.packed()), size, len(self.name), len(self.extra))
        return (20, self.flags, self.method, 0, 0, crc, *sizes)

    def packed(self) -> bytes:
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        *start, _, extra = self.fields()
        head = struct.pack("<4s5H3I2H", b"PK\x03\x04", *start, len(name), extra)
        return head + name + self.extra + self.packed()

    def central(self, offset: int) -> bytes:
        rest = (0, 0, 0, self.attributes, offset)
        head = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *self.fields(), *rest)
        return head + self.name + self.extra


def raw_zip(*entries: Entry, prefix: bytes = b"", stated_count: int | None = None) -> bytes:
    """A zip of these entries after ``prefix``, whose end states another count if one is given."""
    body, places = prefix, []
    for entry in entries:
        places.append(len(body))
        body += entry.local()
    directory = b"".join(entry.central(at) for entry, at in zip(entries, places, strict=True))
    return body + directory + end(len(entries), directory, len(body), stated_count)


def overlapping_zip(names: list[bytes], kernel: Entry) -> bytes:
    """A zip whose entries all unpack the same bytes."""
    body = kernel.local()
    directory = b""
    for name in names:
        fields = {**kernel.__dict__, "name": name}
        directory += Entry(**fields).central(0)
    return body + directory + end(len(names), directory, len(body))


def end(count: int, directory: bytes, offset: int, stated: int | None = None) -> bytes:
    shown = count if stated is None else stated
    fields = (0, 0, shown, shown, len(directory), offset, 0)
    return struct.pack("<4s4H2IH", b"PK\x05\x06", *fields)


def zip64_end(count: int, directory_bytes: int, offset: int) -> bytes:
    """End records that state any numbers."""
    fields = (44, 45, 45, 0, 0, count, count, directory_bytes, offset)
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", *fields)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + directory_bytes, 1)
    last = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, ZIP64_COUNT, ZIP64_COUNT, 0, 0xFFFFFFFF, 0)
    return record + locator + last
