"""Image data: an archive of class folders becomes three disjoint splits of uint8 arrays."""

import hashlib
import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from workers.compression.archives import Opener, members
from workers.compression.disk_arrays import allocate
from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import Entry, Index, index
from workers.compression.values import SPLITS, Dataset, Split

MAX_IMAGE_BYTES = 64 * 1024**2
MAX_UNREADABLE = 0.05
LEAST_PER_CLASS = 5
TEST_SHARE, VAL_SHARE, MOST_VAL = 0.15, 0.05, 2_000

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

Image.MAX_IMAGE_PIXELS = 50_000_000  # Pillow refuses twice as many


def inspect(path: Path) -> dict[str, Any]:
    """Decode every image once and tell classes, counts per split, sizes in pixels and what could
    not be read.
    """
    found = index(path)
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    unreadable: list[str] = []
    counts: dict[str, Counter[str]] = {}
    for entry, image in _decoded(path, found):
        if image is None:
            unreadable.append(str(entry.path))
            continue
        sizes[image.size] += 1
        modes["grey" if _is_grey(image) else "colour"] += 1
        counts.setdefault(entry.split or "all", Counter())[found.classes[entry.label]] += 1
    _check_unreadable(unreadable, len(found.entries))
    widths, heights = (
        np.repeat([size[axis] for size in sizes], list(sizes.values())) for axis in (0, 1)
    )
    return {
        "classes": list(found.classes),
        "counts": {split: dict(sorted(per_class.items())) for split, per_class in counts.items()},
        "images": int(sum(sizes.values())),
        "image_sizes": {
            "width": _spread(widths),
            "height": _spread(heights),
            "most_common": [[*size, count] for size, count in sizes.most_common(5)],
        },
        "modes": dict(modes),
        **_left_out(unreadable, found),
    }


def load(
    path: Path,
    shape: tuple[int, int, int],
    spec: Mapping[str, Any],
    folder: Path,
    progress: Callable[[float], None],
) -> Dataset:
    """Decode, resize to ``shape`` (height, width, channels; stretched, bilinear) and split by
    ``spec``'s seed.

    The arrays are memory maps below ``folder``. Where no test split is given, 15 % per class become
    one, and 5 % (about 2,000 images at most) validation. Exact duplicates of test or validation
    images are dropped from the other splits.

    Raises:
        CompressionError: what ``index`` raises, class_names_mismatch, too_many_unreadable or
            too_few_images.
    """
    found = index(path)
    classes = _ordered(found.classes, spec.get("class_names"))
    relabel = np.array([classes.index(name) for name in found.classes])
    total = len(found.entries)
    store = allocate(folder / "images.npy", np.uint8, (total, *shape))
    labels, given, digests, unreadable = np.zeros(total, np.int32), [""] * total, [b""] * total, []
    row = 0
    for number, (entry, image) in enumerate(_decoded(path, found)):
        if number % 200 == 0:
            progress(number / total)
        if image is None:
            unreadable.append(str(entry.path))
            continue
        store[row] = pixels = _pixels(image, shape)
        labels[row], given[row] = relabel[entry.label], entry.split
        digests[row] = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
        row += 1
    _check_unreadable(unreadable, total)
    rng = np.random.default_rng(spec.get("seed", 0))
    assigned, dropped = _assign(np.array(given[:row]), labels[:row], digests[:row], rng)
    splits = {
        name: _take(store, labels, np.flatnonzero(assigned == name), folder / f"{name}.npy")
        for name in SPLITS
    }
    del store
    (folder / "images.npy").unlink()
    _check_counts(splits, classes, sum(dropped.values()))
    description = {
        "classes": list(classes),
        "counts": {name: len(split) for name, split in splits.items()},
        "split_given": bool(any(given[:row])),
        "duplicates_dropped": dropped,
        **_left_out(unreadable, found),
    }
    return Dataset(classes, splits["train"], splits["val"], splits["test"], description)


def resized(dataset: Dataset, shape: tuple[int, int, int], folder: Path) -> Dataset:
    """The same data at the students' (height, width, channels); the very same arrays where nothing
    changes.
    """
    if dataset.train.images.shape[1:] == shape:
        return dataset

    def smaller(name: str, split: Split) -> Split:
        out = allocate(folder / f"{name}_small.npy", np.uint8, (len(split), *shape))
        for i, image in enumerate(split.images):
            out[i] = _pixels(Image.fromarray(image[..., 0] if shape[2] == 1 else image), shape)
        return Split(out, split.labels)

    train, val, test = (smaller(name, getattr(dataset, name)) for name in SPLITS)
    return replace(dataset, train=train, val=val, test=test)


def _decoded(path: Path, found: Index) -> Iterator[tuple[Entry, Image.Image | None]]:
    for name, is_folder, opened in members(path):
        if not is_folder and (entry := found.entries.get(name)):
            yield entry, _decode(opened)


def _decode(opened: Opener) -> Image.Image | None:
    with opened() as file:
        raw = file.read(MAX_IMAGE_BYTES + 1)
    if len(raw) > MAX_IMAGE_BYTES:
        return None
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
        image.load()
        return ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except (
        Exception
    ):  # Pillow's decoders raise anything from SyntaxError to struct.error on damaged files
        return None


def _pixels(image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    if image.mode.startswith("I"):
        image = Image.fromarray(
            (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        )
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image).reshape(shape)


def _assign(
    given: np.ndarray, labels: np.ndarray, digests: list[bytes], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, int]]:
    """Give each image its split: the folders' word where there is one, the rest drawn per class.

    An image that equals a held-out one gets none; how many of each split is told, too. Validation
    images that are the test's, as some datasets have them, so do not count as given.
    """
    assigned = np.where(given == "", "train", given).astype("<U5")
    dropped = {"train": 0, "val": 0}
    if "test" not in assigned and "val" in assigned:
        assigned[assigned == "val"] = "test"
    if "test" not in assigned:
        _draw(assigned, labels, "test", TEST_SHARE, rng)
    _drop_duplicates(assigned, digests, "test", dropped)
    if "val" not in assigned:
        share = min(VAL_SHARE, MOST_VAL / max(1, np.sum(assigned == "train")))
        _draw(assigned, labels, "val", share, rng)
    _drop_duplicates(assigned, digests, "val", dropped)
    return assigned, dropped


def _draw(
    assigned: np.ndarray, labels: np.ndarray, target: str, share: float, rng: np.random.Generator
) -> None:
    for label in np.unique(labels):
        pool = np.flatnonzero((assigned == "train") & (labels == label))
        count = max(1, round(share * len(pool))) if len(pool) > 1 else 0
        assigned[rng.permutation(pool)[:count]] = target


def _drop_duplicates(
    assigned: np.ndarray, digests: list[bytes], kept: str, dropped: dict[str, int]
) -> None:
    seen = {digests[i] for i in np.flatnonzero(assigned == kept)}
    for name in dropped:
        for i in np.flatnonzero(assigned == name):
            if name != kept and digests[i] in seen:
                assigned[i] = ""
                dropped[name] += 1


def _take(store: np.ndarray, labels: np.ndarray, rows: np.ndarray, path: Path) -> Split:
    images = allocate(path, np.uint8, (len(rows), *store.shape[1:]))
    for start in range(0, len(rows), 1024):
        images[start : start + 1024] = store[rows[start : start + 1024]]
    return Split(images, labels[rows])


def _check_counts(splits: dict[str, Split], classes: tuple[str, ...], dropped: int) -> None:
    per_class = np.bincount(splits["train"].labels, minlength=len(classes))
    if per_class.min() < LEAST_PER_CLASS or not len(splits["test"]) or not len(splits["val"]):
        name = classes[int(per_class.argmin())]
        raise CompressionError(
            "too_few_images",
            f"Class {name!r} has {per_class.min()} training images after the split, with {dropped} duplicates dropped.",
            f"Give each class {LEAST_PER_CLASS} training images or more, and some to test on.",
        )


def _left_out(unreadable: list[str], found: Index) -> dict[str, Any]:
    return {
        "unreadable": unreadable[:100],
        "unreadable_count": len(unreadable),
        "ignored_files": found.ignored,
    }


def _check_unreadable(unreadable: list[str], total: int) -> None:
    if len(unreadable) > MAX_UNREADABLE * total:
        raise CompressionError(
            "too_many_unreadable",
            f"{len(unreadable)} of {total} images cannot be read, the first is {unreadable[0]!r}.",
            "Remove or repair them; up to 5 % would be skipped.",
        )


def _ordered(found: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return found
    wanted = [unicodedata.normalize("NFC", name) for name in wanted]
    if sorted(wanted) != sorted(found):
        named, there = (
            ", ".join(sorted(set(a) - set(b))[:10]) for a, b in ((wanted, found), (found, wanted))
        )
        raise CompressionError(
            "class_names_mismatch",
            f"class_names and the class folders differ. Only in class_names: {named or 'none, or one stands twice'}; "
            f"only among the folders: {there or 'none'}.",
            "Name each class folder exactly once, in the order of the teacher's outputs.",
        )
    return tuple(wanted)


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA", "I", "I;16", "F")


def _spread(values: np.ndarray) -> dict[str, int]:
    return {"least": int(values.min()), "median": int(np.median(values)), "most": int(values.max())}
