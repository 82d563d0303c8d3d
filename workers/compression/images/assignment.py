"""Assigns each image to a split, so that no test image and no copy of it is trained on."""

from dataclasses import dataclass

import numpy as np

from workers.compression.images.copies import Contents

TEST_SHARE, VAL_SHARE, MAX_VAL = 0.15, 0.05, 2_000
MIN_CONTENTS = 7
"""Of a class. With fewer, it cannot be divided by them: five to train on, two to hold out."""
NO_SPLIT = ""


@dataclass(frozen=True)
class Assignment:
    """The split of each image (N,), NO_SPLIT for those that are not used.

    dropped: how many copies of held-out images were taken from each split.
    alike: labels of classes with near-copies in several splits.
    """

    splits: np.ndarray
    dropped: dict[str, int]
    alike: list[int]


def assign_splits(
    given: np.ndarray, labels: np.ndarray, contents: Contents, rng: np.random.Generator
) -> Assignment:
    """Assign images to splits: to those of their folders, else drawn per class by content.

    ``given`` (N,) holds the folder's split, "" where the archive has none. A missing test or
    validation split is drawn from the training images. A training or validation image that is a
    copy of an image held out gets NO_SPLIT.
    """
    assigned = np.where(given == NO_SPLIT, "train", given).astype("<U5")
    dropped = {"train": 0, "val": 0}
    shown = _by_class(contents, labels)
    if "test" not in assigned and "val" in assigned:
        assigned[assigned == "val"] = "test"
    if "test" not in assigned:
        _draw(assigned, labels, shown, "test", TEST_SHARE, rng)
    _drop_copies(assigned, labels, contents, "test", dropped)
    # If val/ only repeats test/, its images are dropped now and validation is drawn from training.
    if "val" not in assigned:
        share = min(VAL_SHARE, MAX_VAL / max(1, np.sum(assigned == "train")))
        _draw(assigned, labels, shown, "val", share, rng)
    _drop_copies(assigned, labels, contents, "val", dropped)
    return Assignment(assigned, dropped, _alike(assigned, labels, contents.near))


def _by_class(contents: Contents, labels: np.ndarray) -> np.ndarray:
    """What each image shows, near-copies as one; not so in classes with too few such contents."""
    of_each = np.unique(np.stack([labels, contents.near]), axis=1)[0]
    has_few = np.bincount(of_each) < MIN_CONTENTS
    return np.where(has_few[labels], contents.equal, contents.near)


def _draw(
    assigned: np.ndarray,
    labels: np.ndarray,
    contents: np.ndarray,
    target: str,
    share: float,
    rng: np.random.Generator,
) -> None:
    """Move about ``share`` of each class's images from training to ``target``, at least one.

    Images of equal ``contents`` (N,) stay together.
    """
    for label in np.unique(labels):
        pool = np.flatnonzero((assigned == "train") & (labels == label))
        distinct, first, sizes = np.unique(contents[pool], return_index=True, return_counts=True)
        if len(distinct) > 1:
            in_order = np.argsort(first)
            drawn = _fill(rng.permutation(in_order), sizes, max(1, round(share * len(pool))))
            assigned[pool[np.isin(contents[pool], distinct[drawn])]] = target


def _fill(candidates: np.ndarray, sizes: np.ndarray, wanted: int) -> list[int]:
    """The first ``candidates`` whose ``sizes`` fit into ``wanted`` together, at least one."""
    chosen: list[int] = []
    for each in candidates.tolist():
        if sizes[each] <= wanted:
            chosen.append(each)
            wanted -= sizes[each]
    return chosen or [int(sizes.argmin())]


def _drop_copies(
    assigned: np.ndarray,
    labels: np.ndarray,
    contents: Contents,
    held_out: str,
    dropped: dict[str, int],
) -> None:
    """Drop copies of images of the split ``held_out`` from other splits; count them.

    Near-copies stay where a class would lose more than half of the images: those are alike, such
    as the frames of a video.
    """
    is_held_out = assigned == held_out
    is_equal = np.isin(contents.equal, contents.equal[is_held_out])
    is_near = np.isin(contents.near, contents.near[is_held_out])
    for split in dropped.keys() - {held_out}:
        rows = assigned == split
        copies = rows & is_equal
        for label in np.unique(labels[rows & is_near]):
            of_class = rows & (labels == label)
            if 2 * np.sum(of_class & is_near) <= np.sum(of_class):
                copies |= of_class & is_near
        dropped[split] += int(copies.sum())
        assigned[copies] = NO_SPLIT


def _alike(assigned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> list[int]:
    """The labels of training images that have a near-copy among the images held out."""
    is_train = assigned == "train"
    held_out = near[~is_train & (assigned != NO_SPLIT)]
    return list(map(int, np.unique(labels[is_train & np.isin(near, held_out)])))
