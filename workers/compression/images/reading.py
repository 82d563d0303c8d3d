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

TEACHER_IMAGES, STUDENT_IMAGES = "images.npy", "images_for_students.npy"
IMAGES_PER_REPORT = 200
CHUNK = 1024

ReportFraction = Callable[[float], None]


def report_no_fraction(fraction: float) -> None:
    """A ReportFraction for callers that show none."""


@dataclass(frozen=True)
class DecodedImages:
    """All readable images of an archive, in its order, at the size of the teacher's input.

    ``student_pixels`` are the same images at the size of the students'.
    ``turned`` (N,) says which have an EXIF orientation, ``upright`` whether it was applied.
    """

    pixels: np.ndarray
    student_pixels: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    turned: np.ndarray
    contents: Contents
    paths: list[PurePosixPath]
    unreadable: list[str]
    grey_bits: int
    upright: bool

    def copy(self, rows: np.ndarray, folder: Path, name: str) -> tuple[Split, Split]:
        """The images of ``rows`` as files of their own: for the teacher, and for the students."""
        labels = self.labels[rows]
        of_teacher = Split(_copied(self.pixels, rows, folder / f"{name}.npy"), labels)
        if self.student_pixels is self.pixels:
            return of_teacher, of_teacher
        path = folder / f"{name}_for_students.npy"
        return of_teacher, Split(_copied(self.student_pixels, rows, path), labels)


def read(
    path: Path,
    found: Index,
    shape: Shape,
    student_shape: Shape,
    folder: Path,
    report_fraction: ReportFraction,
    upright: bool = True,
) -> DecodedImages:
    """Decode all images at both shapes (height, width, channels) into files in ``folder``."""
    total = len(found.entries)
    array = student_array = allocate(folder / TEACHER_IMAGES, np.uint8, (total, *shape))
    if student_shape != shape:
        student_array = allocate(folder / STUDENT_IMAGES, np.uint8, (total, *student_shape))
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
        array[row] = to_pixels(decoded.image, shape, bits)
        if student_shape != shape:
            student_array[row] = to_pixels(decoded.image, student_shape, bits)
        labels[row], turned[row] = decoded.entry.label, decoded.turned
        splits.append(decoded.entry.split)
        thumbnails[row] = thumbnail(array[row])
        digests.append(digest(array[row]))
        paths.append(decoded.entry.path)
    count = len(digests)
    pixels = array[:count]
    return DecodedImages(
        pixels=pixels,
        student_pixels=pixels if student_shape == shape else student_array[:count],
        labels=labels[:count],
        splits=np.array(splits),
        turned=turned[:count],
        contents=Contents.of(digests, thumbnails[:count]),
        paths=paths,
        unreadable=unreadable,
        grey_bits=bits,
        upright=upright,
    )


def remove_files(folder: Path) -> None:
    """Remove the files of ``read``, when their images were copied."""
    for name in (TEACHER_IMAGES, STUDENT_IMAGES):
        (folder / name).unlink(missing_ok=True)


def _copied(pixels: np.ndarray, rows: np.ndarray, path: Path) -> np.ndarray:
    images = allocate(path, np.uint8, (len(rows), *pixels.shape[1:]))
    for start in range(0, len(rows), CHUNK):
        images[start : start + CHUNK] = pixels[rows[start : start + CHUNK]]
    return images


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
