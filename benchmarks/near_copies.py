"""How many images of an archive are taken for near-copies, and how many true copies are found.

The archive is one of class folders, as it is given to the engine:

    python -m benchmarks.near_copies ARCHIVE [--side PIXELS]

Of 1,000 images, copies are made: JPEGs of the same size, and images of another size that are
resized back as the engine does it. The share that is joined to its original is printed.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from workers.compression.images.class_folders import index
from workers.compression.images.decoding import decode_images, to_pixels
from workers.compression.images.near_copies import joined, thumbnail

COPIED = 1_000
SHOWN_PAIRS = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument(
        "--side", type=int, default=128, help="of the teacher's input [%(default)s]"
    )
    args = parser.parse_args()
    images, paths = read(args.archive, args.side)
    thumbnails = np.stack([thumbnail(image) for image in images])
    start = time.perf_counter()
    groups = joined(thumbnails)
    seconds = time.perf_counter() - start
    taken = len(groups) - len(np.unique(groups))
    print(f"{len(images):,} images of {args.side} px: {taken} ({taken / len(groups):.2%}) are")
    print(f"taken for near-copies of others, in {seconds:.1f} s. The first of them:")
    for row in np.flatnonzero(groups != np.arange(len(groups)))[:SHOWN_PAIRS]:
        print(f"  {paths[groups[row]]}  {paths[row]}")
    chosen = np.random.default_rng(0).permutation(len(images))[:COPIED]
    for name, change in changes(args.side):
        copies = np.stack([thumbnail(change(images[row])) for row in chosen])
        found = joined(np.concatenate([thumbnails, copies]))
        share = np.mean(found[chosen] == found[len(images) :])
        print(f"{name:28} {share:.1%} joined to the original")


def read(archive: Path, side: int) -> tuple[list[np.ndarray], list[str]]:
    """All images of the archive, uint8 (side, side, 3), and their paths."""
    images, paths = [], []
    for decoded in decode_images(archive, index(archive)):
        if decoded.image is not None:
            images.append(to_pixels(decoded.image, (side, side, 3)))
            paths.append(str(decoded.entry.path))
    return images, paths


def changes(side: int) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Names of changes, and functions that make a changed copy."""
    for quality in (90, 75, 50):
        yield f"JPEG of quality {quality}", partial(as_jpeg, quality=quality)
    for part in (2, 4):
        yield f"1/{part} of the size", partial(as_smaller, side=side // part)


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def as_smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    small = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
    return to_pixels(small, pixels.shape)


if __name__ == "__main__":
    main()
