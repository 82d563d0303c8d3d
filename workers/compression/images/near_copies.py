"""Finds images that are nearly equal: re-encoded or resized copies of one another.

A perceptual hash (signs of low frequencies, Zauner 2010, section 3.2.1) brings candidates together,
thumbnails decide.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 16
"""Pixels, of a thumbnail."""
MAX_DIFFERENCE = 0.01
"""Squared difference of two thumbnails, as a share of the contrast within one."""
BANDS, NEIGHBOURS = 4, 8
"""The hashes are sorted beginning at each of four places; each is compared with the next eight."""
FREQUENCIES = 8
CHUNK = 4096


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """uint8 (SIDE, SIDE, channels) of uint8 pixels (height, width, channels)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
    return resized.reshape(SIDE, SIDE, -1)


def joined(thumbnails: np.ndarray) -> np.ndarray:
    """A number for each of the ``thumbnails`` (N, SIDE, SIDE, channels): equal for near-copies.

    Also where only others between them are near to both.
    """
    first = np.arange(len(thumbnails))
    for one, other in _pairs(thumbnails):
        one, other = _root(first, one), _root(first, other)
        first[max(one, other)] = min(one, other)
    return np.array([_root(first, number) for number in range(len(first))], np.int64)


def _root(first: np.ndarray, number: int) -> int:
    while first[number] != number:
        first[number] = number = first[first[number]]
    return number


def _pairs(thumbnails: np.ndarray) -> Iterator[tuple[int, int]]:
    """The numbers of two thumbnails that are nearly equal."""
    parts = [_hashes_and_contrasts(thumbnails[rows]) for rows in _chunks(len(thumbnails))]
    hashes, contrasts = (np.concatenate(values) for values in zip(*parts, strict=True))
    for band in range(BANDS):
        order = np.argsort(np.roll(hashes, -2 * band, axis=1).copy().view(">u8")[:, 0])
        for distance in range(1, NEIGHBOURS + 1):
            for rows in _chunks(len(order) - distance):
                one, other = order[:-distance][rows], order[distance:][rows]
                difference = thumbnails[one].astype(np.float32) - thumbnails[other]
                limit = MAX_DIFFERENCE * np.minimum(contrasts[one], contrasts[other])
                near = np.square(difference).sum((1, 2, 3)) <= limit
                yield from zip(one[near].tolist(), other[near].tolist(), strict=True)


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _hashes_and_contrasts(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eight bytes (N, 8) that say which low frequencies are above their median; contrasts (N,)."""
    values = thumbnails.astype(np.float32)
    contrasts = np.square(values - values.mean((1, 2), keepdims=True)).sum((1, 2, 3))
    basis = np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5))
    frequencies = basis.astype(np.float32) @ values.mean(3) @ basis.T.astype(np.float32)
    flat = frequencies.reshape(len(values), -1)
    median = np.median(flat[:, 1:], axis=1, keepdims=True)
    return np.packbits(flat > median, axis=1), contrasts
