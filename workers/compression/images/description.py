"""Describes an uploaded dataset: classes, counts, sizes and unreadable files."""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from workers.compression.errors import CompressionError, listed
from workers.compression.images.class_folders import index
from workers.compression.images.copies import digest, in_two_classes
from workers.compression.images.decoding import decode_images, describe_left_out
from workers.compression.values import Json, ReportProgress, report_nothing

GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")
COMMON_SIZES = 5
IMAGES_PER_REPORT = 100
MIN_PER_CLASS = 5
"""Training images."""
MAX_DESCRIPTION_BYTES = 4 * 1024**2

Sizes = Counter[tuple[int, int]]
"""How many images have each (width, height)."""


def describe(
    path: Path, report_progress: ReportProgress = report_nothing, max_pixels: float = math.inf
) -> Json:
    """Decode every image once; return a service.contract.descriptions.DatasetDescription as JSON.

    Raises:
        CompressionError: what ``index`` raises, too_many_unreadable, or too_many_pixels above
            ``max_pixels`` in all images together.
    """
    found = index(path)
    sizes: Sizes = Counter()
    modes: Counter[str] = Counter()
    unreadable: list[str] = []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    contents: list[tuple[bytes, int, str]] = []
    turned = pixels = 0
    for number, decoded in enumerate(decode_images(path, found)):
        if number % IMAGES_PER_REPORT == 0:
            report_progress("load", number / len(found.entries))
        entry, image = decoded.entry, decoded.image
        if image is None:
            unreadable.append(decoded.reason)
            continue
        turned += decoded.turned
        pixels += image.width * image.height
        if pixels > max_pixels:
            raise _too_many_pixels(max_pixels)
        contents.append((digest(np.asarray(image)), entry.label, str(entry.path)))
        sizes[image.size] += 1
        modes[_mode(image)] += 1
        split, name = entry.split or "all", found.classes[entry.label]
        counts[split][name] += 1
    _check_counts(counts, found.classes)
    description = {
        "classes": list(found.classes),
        "counts": _sorted_by_class(counts),
        "images": sizes.total(),
        **describe_left_out(unreadable, found),
        **in_two_classes(contents),
        "image_sizes": _describe_sizes(sizes),
        "modes": dict(modes),
        "exif_turned": turned,
    }
    check_length(description)
    return description


def _too_many_pixels(limit: float) -> CompressionError:
    message = f"The images have more than {limit:,.0f} pixels together: too many to read."
    hint = (
        "Reduce the images to about twice the teacher's input size, or ask the operator to raise"
        " L2C_MAX_DATASET_PIXELS."
    )
    return CompressionError("too_many_pixels", message, hint)


def _sorted_by_class(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {split: dict(sorted(per_class.items())) for split, per_class in counts.items()}


def _check_counts(counts: dict[str, Counter[str]], classes: tuple[str, ...]) -> None:
    """Refuse classes that cannot have enough training images, all of them at once."""
    split = "all" if "all" in counts else "train"
    # One image of a class at least is held out for the test, and one for validation.
    needed = MIN_PER_CLASS + (2 if split == "all" else 0)
    small = [f"{name!r} {counts[split][name]}" for name in classes if counts[split][name] < needed]
    if not small:
        return
    message = (
        f"{len(small)} of {len(classes)} classes have fewer images than the {needed} that are"
        f" needed: {listed(small)}."
    )
    hint = "Add images to these classes, join them with others, or remove their folders."
    raise CompressionError("too_few_images", message, hint)


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
