"""Describes an uploaded dataset: classes, counts, sizes and unreadable files."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import index
from workers.compression.images.decoding import decode_images, describe_left_out
from workers.compression.values import Json

GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")
COMMON_SIZES = 5
MAX_DESCRIPTION_BYTES = 4 * 1024**2

Sizes = Counter[tuple[int, int]]
"""How many images have each (width, height)."""


def describe(path: Path) -> Json:
    """Decode every image once; return a service.contract.descriptions.DatasetDescription as JSON.

    Raises:
        CompressionError: what ``index`` raises, or too_many_unreadable.
    """
    found = index(path)
    sizes: Sizes = Counter()
    modes: Counter[str] = Counter()
    unreadable: list[str] = []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry, image in decode_images(path, found):
        if image is None:
            unreadable.append(str(entry.path))
            continue
        sizes[image.size] += 1
        modes[_mode(image)] += 1
        split, name = entry.split or "all", found.classes[entry.label]
        counts[split][name] += 1
    description = {
        "classes": list(found.classes),
        "counts": _sorted_by_class(counts),
        "images": sizes.total(),
        **describe_left_out(unreadable, found),
        "image_sizes": _describe_sizes(sizes),
        "modes": dict(modes),
    }
    check_length(description)
    return description


def _sorted_by_class(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {split: dict(sorted(per_class.items())) for split, per_class in counts.items()}


def check_length(description: Json) -> None:
    """Refuse a description that is too long for the database: of many classes with long names.

    Raises:
        CompressionError: too_many_classes.
    """
    size = len(json.dumps(description))
    if size > MAX_DESCRIPTION_BYTES:
        message = (
            f"The names of classes and files take {size:,} bytes in the dataset's description."
        )
        hint = f"Use fewer classes or shorter names, at most {MAX_DESCRIPTION_BYTES:,} bytes."
        raise CompressionError("too_many_classes", message, hint)


def _mode(image: Image.Image) -> str:
    return "grey" if image.mode in GREY_MODES else "colour"


def _describe_sizes(sizes: Sizes) -> Json:
    images_of = list(sizes.values())
    widths, heights = zip(*sizes, strict=True)
    common = []
    for (width, height), images in sizes.most_common(COMMON_SIZES):
        common.append({"width": width, "height": height, "images": images})
    return {
        "width": _spread(np.repeat(widths, images_of)),
        "height": _spread(np.repeat(heights, images_of)),
        "most_common": common,
    }


def _spread(values: np.ndarray) -> dict[str, int]:
    return {"least": int(values.min()), "median": int(np.median(values)), "most": int(values.max())}
