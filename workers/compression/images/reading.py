"""Reads the images of an archive into one array on disk, each with what its split needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from workers.compression.disk_arrays import allocate
from workers.compression.images.class_folders import Index
from workers.compression.images.copies import Contents, digest
from workers.compression.images.decoding import decode_images, grey_bits, to_pixels
from workers.compression.images.near_copies import SIDE, thumbnail
from workers.compression.values import Shape, Split

IMAGES_PER_REPORT = 200
CHUNK = 1024

ReportFraction = Callable[[float], None]


@dataclass(frozen=True)
class DecodedImages:
    """All readable images of an archive, in its order; ``file`` is the file of ``pixels``.

    ``turned`` (N,) says which have an EXIF orientation, ``upright`` whether it was applied.
    """

    file: Path
    pixels: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    turned: np.ndarray
    contents: Contents
    paths: list[PurePosixPath]
    unreadable: list[str]
    grey_bits: int
    upright: bool

    def copy(self, rows: np.ndarray, path: Path) -> Split:
        """The images of ``rows`` as a file of their own at ``path``."""
        images = allocate(path, np.uint8, (len(rows), *self.pixels.shape[1:]))
        for start in range(0, len(rows), CHUNK):
            images[start : start + CHUNK] = self.pixels[rows[start : start + CHUNK]]
        return Split(images, self.labels[rows])


def read(
    path: Path,
    found: Index,
    shape: Shape,
    folder: Path,
    report_fraction: ReportFraction,
    upright: bool = True,
) -> DecodedImages:
    """Decode all images at ``shape`` (height, width, channels) into a file in ``folder``."""
    total = len(found.entries)
    file = folder / "images.npy"
    array = allocate(file, np.uint8, (total, *shape))
    thumbnails = allocate(folder / "thumbnails.npy", np.uint8, (total, SIDE, SIDE, shape[2]))
    labels, turned = np.zeros(total, np.int32), np.zeros(total, bool)
    splits: list[str] = []
    digests: list[bytes] = []
    paths: list[PurePosixPath] = []
    unreadable: list[str] = []
    bits = grey_bits(path, found)
    for number, decoded in enumerate(decode_images(path, found, upright)):
        if number % IMAGES_PER_REPORT == 0:
            report_fraction(number / total)
        if decoded.image is None:
            unreadable.append(decoded.reason)
            continue
        row = len(digests)
        array[row] = pixels = to_pixels(decoded.image, shape, bits)
        labels[row], turned[row] = decoded.entry.label, decoded.turned
        splits.append(decoded.entry.split)
        thumbnails[row] = thumbnail(pixels)
        digests.append(digest(pixels))
        paths.append(decoded.entry.path)
    count = len(digests)
    return DecodedImages(
        file=file,
        pixels=array[:count],
        labels=labels[:count],
        splits=np.array(splits),
        turned=turned[:count],
        contents=Contents.of(digests, thumbnails[:count]),
        paths=paths,
        unreadable=unreadable,
        grey_bits=bits,
        upright=upright,
    )


def as_stored(path: Path, found: Index, images: DecodedImages, rows: np.ndarray) -> Split:
    """The images of ``rows`` (ascending) again, without their EXIF orientation."""
    names = [images.paths[row] for row in rows]
    chosen = replace(found, entries={name: found.entries[name] for name in names})
    shape, bits = images.pixels.shape[1:], images.grey_bits
    pixels = []
    for decoded in decode_images(path, chosen, upright=False):
        # Each could be read before.
        assert decoded.image is not None
        pixels.append(to_pixels(decoded.image, shape, bits))
    return Split(np.stack(pixels), images.labels[rows])
