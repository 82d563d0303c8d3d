"""Hostile images in a harmless dataset: each is left out, or its harmless part is read."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.attacks.hostile import READY, Hostile, hostile
from tests.workers.compression.conftest import class_folders, write_zip

PER_CLASS = 25
PNG = b"\x89PNG\r\n\x1a\n"
LEFT_OUT = f"{READY},1-left-out"
NOISE = np.random.default_rng(3).integers(0, 255, (16, 16, 3)).astype(np.uint8)
MIB = 1024 * 1024


def beside_harmless(name: str, *contents: bytes) -> Callable[[Path], object]:
    """A dataset of harmless images and these."""
    hostile_files = {f"red/hostile-{number}-{name}": data for number, data in enumerate(contents)}
    return lambda path: write_zip(path, class_folders(PER_CLASS) | hostile_files)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    *between: bytes,
    bits: int = 8,
    colour: int = 2,
    data: bytes | None = None,
) -> bytes:
    """A PNG with this header; its pixels are zeros where no ``data`` is given."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0))
    if data is None:
        data = zlib.compress(bytes(min(64 * MIB, height * (1 + 3 * width))), 9)
    return PNG + head + b"".join(between) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(NOISE)).save(buffer, kind, **options)
    return buffer.getvalue()


def with_size(data: bytes, at: int, packed: bytes) -> bytes:
    """The image with another size in its header."""
    return data[:at] + packed + data[at + len(packed) :]


def jpeg_of_size(width: int, height: int) -> bytes:
    data = encoded("JPEG")
    at = data.index(b"\xff\xc0") + 5
    return with_size(data, at, struct.pack(">2H", height, width))


def progressive_jpeg_of_scans(scans: int) -> bytes:
    """The same scan again and again, each of which a decoder goes through for all pixels."""
    data = encoded("JPEG", Image.new("RGB", (2000, 2000)), progressive=True)
    at = data.index(b"\xff\xda")
    end = data.index(b"\xff\xda", at + 2)
    return data[:at] + data[at:end] * scans + data[end:]


def gif(frames: int, width: int = 16, height: int = 16) -> bytes:
    first = encoded("GIF", Image.new("P", (16, 16)))
    first = with_size(first, 6, struct.pack("<2H", width, height))
    at = first.index(b"\x2c")
    frame = first[at : first.rindex(b"\x3b")]
    return first[:at] + frame * frames + b"\x3b"


def apng(frames: int) -> bytes:
    control = chunk(b"acTL", struct.pack(">2I", frames, 0))
    frame = chunk(b"fcTL", struct.pack(">5I2H2B", 0, 16, 16, 0, 0, 1, 100, 0, 0))
    return png(16, 16, control, frame * min(frames, 10_000))


def webp_of_size(width: int, height: int) -> bytes:
    """A VP8X header that states a canvas of any size."""
    data = encoded("WEBP", lossless=True)
    extended = struct.pack("<I", 0)[:4] + (width - 1).to_bytes(3, "little")
    extended += (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + extended + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_of_size(width: int, height: int) -> bytes:
    return with_size(encoded("BMP"), 18, struct.pack("<2i", width, height))


def text_bomb(kind: bytes) -> bytes:
    """A compressed text of 64 MiB in a PNG."""
    return chunk(kind, b"k\0\0" + zlib.compress(bytes(64 * MIB), 9))


def exif(offset: int, count: int = 1) -> bytes:
    """EXIF whose directories point at themselves."""
    entry = struct.pack("<2H2I", 0x8769, 4, count, offset)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id>/tmp/l2c-evil.png)(w)file\n"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>" + bytes(
    99
)
HTML = b"<html><script>alert(1)</script></html>" + bytes(99)
MVG = b"push graphic-context\nfill 'url(https://127.0.0.1/\"|id\")'\npop graphic-context\n" + bytes(
    99
)
ICC = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(64 * MIB), 9))


def one(name: str, expected: str, file: str, *contents: bytes) -> Hostile:
    return hostile(name, expected, beside_harmless(file, *contents))


IMAGES: tuple[Hostile, ...] = (
    one("a PNG of 40,000 x 40,000", LEFT_OUT, "x.png", png(40_000, 40_000)),
    one("a PNG of 2**31 x 2**31 in 100 bytes", LEFT_OUT, "x.png", png(2**31 - 1, 2**31 - 1)),
    one(
        "a PNG of 9,900 x 9,900",
        READY,
        "x.png",
        png(9_900, 9_900, colour=0, data=zlib.compress(bytes(9_900 * 9_901), 9)),
    ),
    one("a JPEG of 65,000 x 65,000", LEFT_OUT, "x.jpg", jpeg_of_size(65_000, 65_000)),
    one(
        "a JPEG of 15,000 x 15,000 with the bytes of a small one",
        READY,
        "x.jpg",
        jpeg_of_size(15_000, 15_000),
    ),
    one("a GIF of 65,000 x 65,000", LEFT_OUT, "x.gif", gif(1, 65_000, 65_000)),
    one("a WebP of 16,384 x 16,384 stated", LEFT_OUT, "x.webp", webp_of_size(16_384, 16_384)),
    one("a BMP of 2**31 x 2**31", LEFT_OUT, "x.bmp", bmp_of_size(2**31 - 1, 2**31 - 1)),
    one("a BMP of negative size", LEFT_OUT, "x.bmp", bmp_of_size(-16, -16)),
    one("a TIFF of 65,000 x 65,000", LEFT_OUT, "x.png", b"II*\0" + bytes(200)),
    one("a JPEG of 300 scans", LEFT_OUT, "x.jpg", progressive_jpeg_of_scans(300)),
    one("a truncated PNG", LEFT_OUT, "x.png", encoded("PNG")[:200]),
    one("a truncated JPEG", LEFT_OUT, "x.jpg", encoded("JPEG")[:300]),
    one("a truncated WebP", LEFT_OUT, "x.webp", encoded("WEBP")[:60]),
    one("a PNG with a wrong checksum", LEFT_OUT, "x.png", png(16, 16).replace(b"IDAT", b"IDAU")),
    one("a PNG of no width", LEFT_OUT, "x.png", png(0, 16)),
    one("a GIF of no size", READY, "x.gif", gif(1, 0, 0)),
    one(
        "a PNG of colours without a palette",
        READY,
        "x.png",
        png(16, 16, colour=3, data=zlib.compress(bytes(17 * 16))),
    ),
    one(
        "a PNG of 16 bits",
        READY,
        "x.png",
        encoded("PNG", Image.fromarray(NOISE[:, :, 0].astype(np.uint16) * 257)),
    ),
    one("a PNG of 3 bits", LEFT_OUT, "x.png", png(16, 16, bits=3)),
    one(
        "a PNG with more pixels than its data",
        LEFT_OUT,
        "x.png",
        png(64, 64, data=zlib.compress(bytes(10))),
    ),
    one(
        "a PNG with more data than its pixels",
        READY,
        "x.png",
        png(16, 16, data=zlib.compress(bytes(64 * MIB), 9)),
    ),
    one(
        "a text of 64 MiB in a PNG (zTXt)",
        LEFT_OUT,
        "x.png",
        png(16, 16, text_bomb(b"zTXt")),
    ),
    one(
        "a text of 64 MiB in a PNG (iTXt)",
        LEFT_OUT,
        "x.png",
        png(16, 16, chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(64 * MIB), 9))),
    ),
    one("a colour profile of 64 MiB", LEFT_OUT, "x.png", png(16, 16, ICC)),
    one(
        "a million chunks in a PNG",
        READY,
        "x.png",
        png(16, 16, chunk(b"teXt", b"") * 1_000_000),
    ),
    one("EXIF that points at itself", READY, "x.jpg", encoded("JPEG", exif=exif(8))),
    one("EXIF that points outside", READY, "x.jpg", encoded("JPEG", exif=exif(2**31))),
    one("EXIF with 2**31 values", READY, "x.jpg", encoded("JPEG", exif=exif(8, 2**31))),
    one("a GIF of 100,000 frames", READY, "x.gif", gif(100_000)),
    one("an APNG that states 2**31 frames", LEFT_OUT, "x.png", apng(2**31 - 1)),
    one("a JPEG in CMYK", READY, "x.jpg", encoded("JPEG", Image.new("CMYK", (16, 16), 7))),
    one("a page of HTML", LEFT_OUT, "x.png", HTML),
    one("an SVG that reads a file", LEFT_OUT, "x.png", SVG),
    one("an EPS that runs a program", LEFT_OUT, "x.jpg", EPS + bytes(99)),
    one("an ImageMagick script", LEFT_OUT, "x.png", MVG),
    one("an AVIF", LEFT_OUT, "x.jpg", b"\0\0\0\x1cftypavif" + bytes(99)),
    one(
        "a PSD, an ICO and a PDF",
        f"{READY},3-left-out",
        "x.png",
        b"8BPS" + bytes(99),
        b"\0\0\1\0" + bytes(99),
        b"%PDF" + bytes(99),
    ),
    one("an icon of fonts (BDF, PCF)", LEFT_OUT, "x.png", b"STARTFONT 2.1\n" + bytes(99)),
    one("HTML behind a whole PNG", READY, "x.png", encoded("PNG") + HTML),
    one("a zip behind a whole JPEG", READY, "x.jpg", encoded("JPEG") + b"PK\x05\x06" + bytes(18)),
    one("an image of 65 MiB", LEFT_OUT, "x.bmp", b"BM" + np.random.default_rng(0).bytes(65 * MIB)),
    one("ten damaged images", "too_many_unreadable", "x.png", *[b"no image" * 20] * 10),
)
