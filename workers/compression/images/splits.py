"""Turns an archive of class folders into three disjoint splits of uint8 images."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from workers.compression.disk_arrays import allocate
from workers.compression.errors import CompressionError
from workers.compression.images.assignment import assign_splits
from workers.compression.images.class_folders import Index, index
from workers.compression.images.copies import contradiction, digest, in_two_classes
from workers.compression.images.decoding import (
    decode_images,
    describe_left_out,
    grey_bits,
    to_pixels,
)
from workers.compression.images.description import MIN_PER_CLASS, check_length
from workers.compression.images.folder_names import listed
from workers.compression.values import SPLITS, Dataset, Json, Shape, Spec, Split

MANY_IGNORED = 0.05
IMAGES_PER_REPORT = 200
CHUNK = 1024

ReportFraction = Callable[[float], None]


@dataclass(frozen=True)
class DecodedImages:
    """All readable images of an archive, in its order; ``path`` is the file of ``pixels``."""

    path: Path
    pixels: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    digests: list[bytes]
    paths: list[str]
    unreadable: list[str]
    grey_bits: int


def load(
    path: Path, shape: Shape, spec: Spec, folder: Path, report_fraction: ReportFraction
) -> Dataset:
    """Decode the images at ``shape`` (height, width, channels) and split them by the spec's seed.

    The arrays are memory maps below ``folder``. Without test/, val/ is the test split; without
    both, 15 % of each class are. Where no validation images are left, 5 % of the training images
    (about 2,000 at most) become validation.

    Raises:
        CompressionError: what ``index`` raises, class_names_mismatch, too_many_unreadable,
            too_few_images or too_many_classes.
    """
    found = index(path)
    classes = _order_classes(found.classes, spec["class_names"])
    label_of = np.array(list(map(classes.index, found.classes)))
    decoded = _decode(path, found, label_of, shape, folder, report_fraction)
    left_out = describe_left_out(decoded.unreadable, found)
    rng = np.random.default_rng(spec["seed"])
    assigned, dropped = assign_splits(decoded.splits, decoded.labels, decoded.digests, rng)
    splits: dict[str, Split] = {}
    for name in SPLITS:
        splits[name] = _copy(decoded, np.flatnonzero(assigned == name), folder / f"{name}.npy")
    decoded.path.unlink()
    _check_counts(splits, classes, sum(dropped.values()))
    description = {
        "classes": list(classes),
        "counts": {name: len(split) for name, split in splits.items()},
        "split_given": bool((decoded.splits != "").any()),
        "duplicates_dropped": dropped,
        "grey_bits": decoded.grey_bits,
        **left_out,
        **in_two_classes(zip(decoded.digests, decoded.labels.tolist(), decoded.paths, strict=True)),
    }
    check_length(description)
    train, val, test = (splits[name] for name in SPLITS)
    return Dataset(classes, train, val, test, description, _warnings(description))


def resize(dataset: Dataset, shape: Shape, folder: Path) -> Dataset:
    """The dataset at ``shape`` (height, width, channels); the same arrays if that is theirs."""
    if dataset.train.features.shape[1:] == shape:
        return dataset
    return replace(
        dataset,
        train=_resize(dataset.train, shape, folder / "train_small.npy"),
        val=_resize(dataset.val, shape, folder / "val_small.npy"),
        test=_resize(dataset.test, shape, folder / "test_small.npy"),
    )


def _resize(split: Split, shape: Shape, path: Path) -> Split:
    resized = allocate(path, np.uint8, (len(split), *shape))
    for row, pixels in enumerate(split.features):
        # Pillow's grey images have no axis for channels.
        image = Image.fromarray(pixels[..., 0] if shape[2] == 1 else pixels)
        resized[row] = to_pixels(image, shape)
    return Split(resized, split.labels)


def _decode(
    path: Path,
    found: Index,
    label_of: np.ndarray,
    shape: Shape,
    folder: Path,
    report_fraction: ReportFraction,
) -> DecodedImages:
    """Decode all images into one array; ``label_of`` maps the archive's labels to the teacher's."""
    total = len(found.entries)
    store = folder / "images.npy"
    array = allocate(store, np.uint8, (total, *shape))
    labels = np.zeros(total, np.int32)
    splits: list[str] = []
    digests: list[bytes] = []
    paths: list[str] = []
    unreadable: list[str] = []
    bits = grey_bits(path, found)
    for number, (entry, image) in enumerate(decode_images(path, found)):
        if number % IMAGES_PER_REPORT == 0:
            report_fraction(number / total)
        if isinstance(image, str):
            unreadable.append(image)
            continue
        row = len(digests)
        array[row] = pixels = to_pixels(image, shape, bits)
        labels[row] = label_of[entry.label]
        splits.append(entry.split)
        digests.append(digest(pixels))
        paths.append(str(entry.path))
    count = len(digests)
    return DecodedImages(
        store, array[:count], labels[:count], np.array(splits), digests, paths, unreadable, bits
    )


def _copy(decoded: DecodedImages, rows: np.ndarray, path: Path) -> Split:
    images = allocate(path, np.uint8, (len(rows), *decoded.pixels.shape[1:]))
    for start in range(0, len(rows), CHUNK):
        images[start : start + CHUNK] = decoded.pixels[rows[start : start + CHUNK]]
    return Split(images, decoded.labels[rows])


def _order_classes(found: tuple[str, ...], requested: Sequence[str] | None) -> tuple[str, ...]:
    """The classes in the order of ``class_names``; sorted where the spec has none."""
    if requested is None:
        return found
    names = [unicodedata.normalize("NFC", name) for name in requested]
    if sorted(names) == sorted(found):
        return tuple(names)
    only_requested = ", ".join(sorted(set(names) - set(found))[:10])
    only_found = ", ".join(sorted(set(found) - set(names))[:10])
    message = (
        "class_names and the class folders differ. Only in class_names:"
        f" {only_requested or 'none, or a name is listed twice'};"
        f" only among the folders: {only_found or 'none'}."
    )
    hint = "List each class folder exactly once, in the order of the teacher's outputs."
    raise CompressionError("class_names_mismatch", message, hint)


def _check_counts(splits: dict[str, Split], classes: tuple[str, ...], dropped: int) -> None:
    per_class = np.bincount(splits["train"].labels, minlength=len(classes))
    least = int(per_class.min())
    if least >= MIN_PER_CLASS and len(splits["test"]) and len(splits["val"]):
        return
    small = np.flatnonzero(per_class < max(MIN_PER_CLASS, least + 1))
    few = [f"{classes[row]!r} {per_class[row]}" for row in small]
    message = (
        f"Classes with few training images after the split: {listed(few)}; {dropped} duplicates"
        " were dropped from the dataset."
    )
    hint = f"Give each class at least {MIN_PER_CLASS} training images and some test images."
    raise CompressionError("too_few_images", message, hint)


def _warnings(description: Json) -> tuple[str, ...]:
    """Sentences for the report about images that are not used."""
    warnings = contradiction(description)
    if (bits := description["grey_bits"]) < 16:
        warnings.append(
            f"The values of the 16-bit grey images need {bits} bits: they were divided by"
            f" {2 ** (bits - 8)}, and the app must do the same."
        )
    if dropped := sum(description["duplicates_dropped"].values()):
        warnings.append(f"{dropped} images equal a test or validation image and were left out.")
    if unreadable := description["unreadable_count"]:
        first = description["unreadable"][0]
        warnings.append(
            f"Images that could not be read and were left out: {unreadable}, e.g. {first}."
        )
    ignored = description["ignored_files"]
    if ignored > MANY_IGNORED * sum(description["counts"].values()):
        warnings.append(
            f"{ignored} files of the archive are not images in class folders and were left out."
        )
    return tuple(warnings)
