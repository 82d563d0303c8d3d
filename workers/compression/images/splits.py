"""Turns an archive of class folders into three disjoint splits of uint8 images."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from workers.compression.errors import CompressionError, listed
from workers.compression.images.assignment import Assignment, assign_splits
from workers.compression.images.class_folders import index
from workers.compression.images.copies import contradiction, in_two_classes
from workers.compression.images.decoding import RESIZE_FILTER, describe_left_out
from workers.compression.images.description import MIN_PER_CLASS, check_length
from workers.compression.images.reading import (
    DecodedImages,
    ReportFraction,
    as_stored,
    read,
    remove_files,
)
from workers.compression.values import SPLITS, Dataset, Json, Shape, Spec, Split

MANY_IGNORED = 0.05
TURNED_SAMPLE = 128
"""Training images by which it is decided whether the EXIF orientation is applied."""

PrefersStored = Callable[[Split, Split], bool]
"""Takes images turned by their EXIF orientation and as stored; see orientation.py."""


def load(
    path: Path, shape: Shape, spec: Spec, folder: Path, report_fraction: ReportFraction
) -> Dataset:
    """The images at ``shape`` (height, width, channels), turned as their EXIF orientation asks.

    Raises:
        CompressionError: what ``load_both`` raises.
    """
    return load_both(path, shape, shape, spec, folder, report_fraction)[0]


def load_both(
    path: Path,
    shape: Shape,
    student_shape: Shape,
    spec: Spec,
    folder: Path,
    report_fraction: ReportFraction,
    prefers_stored: PrefersStored | None = None,
) -> tuple[Dataset, Dataset]:
    """Decode the images for teacher and students, and split them by the spec's seed.

    The shapes are (height, width, channels); where they are equal, both datasets are the same. The
    arrays are memory maps below ``folder``. Without test/, val/ is the test split; without
    both, 15 % of each class are. Where no validation images are left, 5 % of the training images
    (about 2,000 at most) become validation. The images are turned as their EXIF orientation asks,
    unless ``prefers_stored`` prefers them as they are stored.

    Raises:
        CompressionError: what ``index`` raises, class_names_mismatch, too_many_unreadable,
            too_few_images or too_many_classes.
    """
    found = index(path)
    names = [unicodedata.normalize("NFC", name) for name in spec["class_names"] or found.classes]
    _check_class_names(names, found.classes)
    decode = partial(read, path, found, shape, student_shape, folder, report_fraction)
    images = decode()
    left_out = describe_left_out(images.unreadable, found)
    assigned = _assign(images, spec["seed"])
    turned = np.flatnonzero(images.turned & (assigned.splits == "train"))[:TURNED_SAMPLE]
    if prefers_stored and len(turned):
        upright = Split(images.pixels[turned], images.labels[turned])
        if prefers_stored(upright, as_stored(path, found, images, turned)):
            images = decode(upright=False)
            assigned = _assign(images, spec["seed"])
    splits: dict[str, Split] = {}
    student_splits: dict[str, Split] = {}
    for name in SPLITS:
        rows = np.flatnonzero(assigned.splits == name)
        splits[name], student_splits[name] = images.copy(rows, folder, name)
    remove_files(folder)
    _check_counts(splits, found.classes, sum(assigned.dropped.values()))
    paths = [str(path) for path in images.paths]
    description = {
        "classes": list(found.classes),
        "counts": {name: len(split) for name, split in splits.items()},
        "split_given": bool((images.splits != "").any()),
        "duplicates_dropped": assigned.dropped,
        "grey_bits": images.grey_bits,
        "exif_turned": int(images.turned.sum()),
        "exif_applied": images.upright,
        "resize_filter": RESIZE_FILTER,
        **left_out,
        **images.contents.describe(paths),
        **in_two_classes(
            zip(images.contents.equal.tolist(), images.labels.tolist(), paths, strict=True)
        ),
    }
    check_length(description)
    alike = [found.classes[label] for label in assigned.alike]
    warnings = _warnings(description, alike)
    data = Dataset(found.classes, **splits, description=description, warnings=warnings)
    if student_shape == shape:
        data = data.reordered(names)
        return data, data
    train, val, test = (student_splits[name] for name in SPLITS)
    for_students = replace(data, train=train, val=val, test=test)
    return data.reordered(names), for_students.reordered(names)


def _assign(images: DecodedImages, seed: int) -> Assignment:
    rng = np.random.default_rng(seed)
    return assign_splits(images.splits, images.labels, images.contents, rng)


def _check_class_names(requested: Sequence[str], found: Sequence[str]) -> None:
    """Refuse names of classes that are not those of the folders."""
    if sorted(requested) == sorted(found):
        return
    only_requested = sorted(set(requested) - set(found))
    only_found = sorted(set(found) - set(requested))
    message = (
        "class_names and the class folders differ. Only in class_names:"
        f" {listed(only_requested) or 'none, or a name is listed twice'};"
        f" only among the folders: {listed(only_found) or 'none'}."
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


def _warnings(description: Json, alike: list[str]) -> tuple[str, ...]:
    """Sentences for the report about images that repeat others or are not used."""
    warnings = contradiction(description)
    if count := description["near_copies"]:
        one, other = description["near_copies_example"]
        warnings.append(
            f"{count} images are nearly equal to others, such as {other} to {one}: re-encoded or"
            " resized. They are taken for copies, so that none of them is in another split."
        )
    if alike:
        warnings.append(
            "Training images nearly equal images of the test or validation, like frames of one"
            f" video, in these classes: {listed(alike)}. The accuracies are too high there."
        )
    if (bits := description["grey_bits"]) < 16:
        warnings.append(
            f"The values of the 16-bit grey images need {bits} bits: they were divided by"
            f" {2 ** (bits - 8)}, and the app must do the same."
        )
    if not description["exif_applied"]:
        warnings.append(
            f"{description['exif_turned']} images have an EXIF orientation. The teacher classifies"
            " them better as they are stored, so it was not applied. In the app, do not turn photos"
            " by it either."
        )
    if dropped := sum(description["duplicates_dropped"].values()):
        warnings.append(
            f"{dropped} images are copies of a test or validation image and were left out."
        )
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
