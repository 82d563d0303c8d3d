"""Decodes the images of an archive one by one."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from workers.compression.archive_checks import Opener
from workers.compression.archives import members
from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import Entry, Index
from workers.compression.values import Json, Shape

MAX_FILE_BYTES = 64 * 1024**2
MAX_UNREADABLE = 0.05
SHOWN_UNREADABLE = 100
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

# Pillow warns above this number and refuses images of more than twice as many pixels.
Image.MAX_IMAGE_PIXELS = 50_000_000


def decode_images(path: Path, found: Index) -> Iterator[tuple[Entry, Image.Image | None]]:
    """Yield every image of the archive with its entry; None for an image that cannot be read."""
    for name, is_folder, opener in members(path):
        entry = found.entries.get(name)
        if entry and not is_folder:
            yield entry, _decode(opener)


def _decode(opener: Opener) -> Image.Image | None:
    with opener() as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        return None
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        image.load()
        return ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except Exception:
        # On damaged files Pillow raises anything from SyntaxError to struct.error.
        return None


def to_pixels(image: Image.Image, shape: Shape) -> np.ndarray:
    """The image as uint8 of ``shape`` (height, width, channels): stretched, bilinear."""
    height, width, channels = shape
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow would clip it to 0..255.
        levels = np.asarray(image).astype(np.uint32) >> 8
        image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image).reshape(shape)


def describe_left_out(unreadable: list[str], found: Index) -> Json:
    """The part of a description that lists the files which are not used.

    Raises:
        CompressionError: too_many_unreadable, above 5 % of the images.
    """
    total = len(found.entries)
    if len(unreadable) > MAX_UNREADABLE * total:
        count = f"{len(unreadable)} of {total} images"
        message = f"{count} cannot be read, the first of them is {unreadable[0]!r}."
        hint = "Remove or repair them; up to 5 % of the images are skipped."
        raise CompressionError("too_many_unreadable", message, hint)
    return {
        "unreadable": unreadable[:SHOWN_UNREADABLE],
        "unreadable_count": len(unreadable),
        "ignored_files": found.ignored,
    }
