"""Decodes the images of an archive one by one."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from workers.compression.archive_checks import Opener
from workers.compression.archives import members
from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import Entry, Index
from workers.compression.images.jpeg_scans import count_scans
from workers.compression.values import Json, Shape

MAX_FILE_BYTES = 64 * 1024**2
MAX_UNREADABLE = 0.05
BITS_SAMPLE = 200
"""Images."""
SHOWN_UNREADABLE = 100
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

RESIZE_FILTER = "bilinear, no antialiasing"
"""Of MediaPipe; Android and TensorFlow use the same with places half a pixel further."""
MAX_PIXELS, MAX_JPEG_PIXELS = 100_000_000, 250_000_000
"""Of an image as it is read, and of a JPEG, which is reduced while it is read."""
MAX_SCANS = 100
"""Of a progressive JPEG; encoders write about ten."""
OTHER_FORMATS = {
    b"ftypavif": "AVIF",
    b"ftypavis": "AVIF",
    b"ftypheic": "HEIC",
    b"ftypheix": "HEIC",
    b"ftyphevc": "HEIC",
    b"ftypheim": "HEIC",
    b"ftypmif1": "HEIF",
    b"ftypmsf1": "HEIF",
    b"JXL ": "JPEG XL",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"\0\0\1\0": "ICO",
}
"""By their first bytes, some after the four bytes of a length."""

# Pillow's own limit would come before a JPEG can be reduced.
Image.MAX_IMAGE_PIXELS = None


class UnreadableImageError(Exception):
    """Why an image is left out."""


@dataclass(frozen=True)
class Decoded:
    """An image of the archive; None with a reason where it cannot be read.

    ``turned`` says whether its EXIF orientation asks a viewer to turn or mirror it.
    """

    entry: Entry
    image: Image.Image | None
    turned: bool = False
    reason: str = ""


def decode_images(path: Path, found: Index, upright: bool = True) -> Iterator[Decoded]:
    """Yield every image of the archive: as its EXIF orientation asks, or else as it is stored."""
    for name, is_folder, opener in members(path):
        entry = found.entries.get(name)
        if entry and not is_folder:
            try:
                image = _decode(opener)
            except UnreadableImageError as error:
                yield Decoded(entry, None, reason=f"{entry.path}: {error}")
                continue
            turned = _is_turned(image)
            if turned and upright:
                image = ImageOps.exif_transpose(image)
            yield Decoded(entry, image, turned)


def _is_turned(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except MemoryError:
        raise
    except Exception:
        # On damaged EXIF data Pillow raises anything; the pixels are whole.
        return False


def _decode(opener: Opener) -> Image.Image:
    with opener() as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableImageError(f"more than {MAX_FILE_BYTES:,} bytes")
    if count_scans(content) > MAX_SCANS:
        raise UnreadableImageError(f"more than {MAX_SCANS} scans")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _limit_pixels(image)
        image.load()
        return image
    except (MemoryError, UnreadableImageError):
        raise
    except Exception as error:
        # On damaged files Pillow raises anything from SyntaxError to struct.error.
        raise UnreadableImageError(_reason(content)) from error


def _limit_pixels(image: Image.Image) -> None:
    """Have a large JPEG reduced while it is read; refuse other large images."""
    pixels = image.width * image.height
    if pixels <= MAX_PIXELS:
        return
    if image.format != "JPEG" or pixels > MAX_JPEG_PIXELS:
        limit = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
        raise UnreadableImageError(f"{pixels:,} pixels, more than {limit:,}")
    # A half in each direction is enough.
    image.draft(None, (image.width // 2, image.height // 2))


def _reason(content: bytes) -> str:
    start = content[:12].removeprefix(content[:4] if content[4:8] in (b"ftyp", b"JXL ") else b"")
    for signature, name in OTHER_FORMATS.items():
        if start.startswith(signature):
            return f"it is {name}, not {', '.join(FORMATS)}"
    return "it is damaged"


def grey_bits(path: Path, found: Index) -> int:
    """Bits that the values of 16-bit grey images need on a sample, 9 to 16; 16 without them.

    Cameras store 10 or 12 bits in files of 16.
    """
    # Of the formats that are read, only PNG has them.
    candidates = [name for name in found.entries if name.suffix.lower() == ".png"]
    chosen = islice(candidates, 0, None, max(1, len(candidates) // BITS_SAMPLE))
    sample = replace(found, entries={name: found.entries[name] for name in chosen})
    largest = 0
    for decoded in decode_images(path, sample):
        if decoded.image and decoded.image.mode.startswith("I"):
            largest = max(largest, int(np.asarray(decoded.image).max()))
    return min(16, max(9, largest.bit_length())) if largest else 16


def to_pixels(image: Image.Image, shape: Shape, bits: int = 16) -> np.ndarray:
    """The image as uint8 of ``shape`` (height, width, channels), see ``_resized``.

    ``bits`` are those of 16-bit grey images.
    """
    height, width, channels = shape
    if image.mode.startswith("I"):
        # Pillow would clip it to 0..255.
        levels = np.asarray(image).astype(np.uint32) >> (bits - 8)
        image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = _resized(image, width, height)
    return np.asarray(image).reshape(shape)


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """Stretched as MediaPipe does it in an app: RESIZE_FILTER.

    Pixel x of the result shows place x * scale of the image, between its pixels bilinearly.
    """
    across, down = image.width / width, image.height / height
    # Pillow would put the middle of pixel x at place (x + 0.5) * scale.
    left, top = 0.5 - across / 2, 0.5 - down / 2
    box = (left, top, left + image.width, top + image.height)
    if min(across, down) < 1:
        # The last pixels of an enlarged image lie between its last pixel and the edge.
        pixels = np.asarray(image)
        borders = ((0, 1), (0, 1), (0, 0))[: pixels.ndim]
        image = Image.fromarray(np.pad(pixels, borders, mode="edge"))
    bilinear = Image.Resampling.BILINEAR
    return image.transform((width, height), Image.Transform.EXTENT, box, bilinear)


def describe_left_out(unreadable: list[str], found: Index) -> Json:
    """The part of a description that lists the files which are not used.

    Raises:
        CompressionError: too_many_unreadable, above 5 % of the images.
    """
    total = len(found.entries)
    if len(unreadable) > MAX_UNREADABLE * total:
        count = f"{len(unreadable)} of {total} images"
        message = f"{count} cannot be read, the first of them is {unreadable[0]}."
        hint = (
            f"Convert, repair or remove them; {', '.join(FORMATS)} can be read, and up to 5 % of"
            " the images are skipped."
        )
        raise CompressionError("too_many_unreadable", message, hint)
    return {
        "unreadable": unreadable[:SHOWN_UNREADABLE],
        "unreadable_count": len(unreadable),
        "ignored_files": found.ignored,
    }
