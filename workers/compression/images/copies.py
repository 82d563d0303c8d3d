"""Finds images that occur several times in an archive: equal ones and near-copies."""

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from workers.compression.images.near_copies import joined
from workers.compression.values import Json


@dataclass(frozen=True)
class Contents:
    """What each image shows: ``equal`` (N,) has a number for each distinct image.

    ``near`` (N,) has one number for an image and all its near-copies.
    """

    equal: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, digests: Sequence[bytes], thumbnails: np.ndarray) -> "Contents":
        """Of images with these digests and thumbnails (N, height, width, channels)."""
        _, first, equal = np.unique(np.array(digests), return_index=True, return_inverse=True)
        return cls(equal, joined(thumbnails[first])[equal])

    def describe(self, paths: Sequence[str]) -> Json:
        """How many distinct images are near-copies of an earlier one, and the first such pair."""
        _, first = np.unique(self.equal, return_index=True)
        seen: dict[int, int] = {}
        example: list[str] = []
        count = 0
        for row in np.sort(first).tolist():
            earlier = seen.setdefault(int(self.near[row]), row)
            if earlier != row:
                count += 1
                example = example or [paths[earlier], paths[row]]
        return {"near_copies": count, "near_copies_example": example}


def digest(pixels: np.ndarray) -> bytes:
    """Equal for equal images of the same size."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()


def in_two_classes(images: Iterable[tuple[Hashable, int, str]]) -> Json:
    """How many contents have several labels, and the paths of the first one under two of them.

    ``images`` holds content, label and path of each.
    """
    first: dict[Hashable, tuple[int, str]] = {}
    conflicting: set[Hashable] = set()
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
