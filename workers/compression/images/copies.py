"""Finds images that occur several times in an archive, by digests of their pixels."""

import hashlib
from collections.abc import Iterable

import numpy as np

from workers.compression.values import Json


def digest(pixels: np.ndarray) -> bytes:
    """Equal for equal images of the same size."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()


def in_two_classes(images: Iterable[tuple[bytes, int, str]]) -> Json:
    """How many contents have several labels, and the paths of the first one under two of them.

    ``images`` holds digest, label and path of each.
    """
    first: dict[bytes, tuple[int, str]] = {}
    conflicting: set[bytes] = set()
    example: list[str] = []
    for content, label, path in images:
        known_label, known_path = first.setdefault(content, (label, path))
        if label != known_label:
            conflicting.add(content)
            example = example or [known_path, path]
    return {"in_two_classes": len(conflicting), "in_two_classes_example": example}


def contradiction(description: Json) -> list[str]:
    """The warning about images with several labels, if there are any."""
    count = description["in_two_classes"]
    if not count:
        return []
    first, second = description["in_two_classes_example"]
    what = "1 image lies" if count == 1 else f"{count} images lie"
    return [f"{what} in two class folders or more, e.g. as {first} and {second}."]
