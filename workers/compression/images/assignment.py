"""Assigns each image to a split, so that no test image is trained on."""

import numpy as np

TEST_SHARE, VAL_SHARE, MAX_VAL = 0.15, 0.05, 2_000
NO_SPLIT = ""


def assign_splits(
    given: np.ndarray, labels: np.ndarray, digests: list[bytes], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, int]]:
    """The split of each image, and how many duplicates were dropped from each split.

    ``given`` (N,) holds the folder's split, "" where the archive has none; ``digests`` are equal
    for equal images. A missing test or validation split is drawn per class from the training
    images. A training or validation image that equals an image held out gets NO_SPLIT.
    """
    contents = np.unique(np.array(digests, dtype="S16"), return_inverse=True)[1]
    assigned = np.where(given == NO_SPLIT, "train", given).astype("<U5")
    dropped = {"train": 0, "val": 0}
    if "test" not in assigned and "val" in assigned:
        assigned[assigned == "val"] = "test"
    if "test" not in assigned:
        _draw(assigned, labels, contents, "test", TEST_SHARE, rng)
    _drop_duplicates(assigned, digests, "test", dropped)
    # If val/ only repeats test/, its images are dropped now and validation is drawn from training.
    if "val" not in assigned:
        share = min(VAL_SHARE, MAX_VAL / max(1, np.sum(assigned == "train")))
        _draw(assigned, labels, contents, "val", share, rng)
    _drop_duplicates(assigned, digests, "val", dropped)
    return assigned, dropped


def _draw(
    assigned: np.ndarray,
    labels: np.ndarray,
    contents: np.ndarray,
    target: str,
    share: float,
    rng: np.random.Generator,
) -> None:
    """Move ``share`` of each class's contents, at least one, from training to ``target``.

    Copies of an image (equal ``contents``, (N,)) stay together, so that a class whose few photos
    were copied many times keeps most of them for training.
    """
    for label in np.unique(labels):
        pool = np.flatnonzero((assigned == "train") & (labels == label))
        distinct, first = np.unique(contents[pool], return_index=True)
        if len(distinct) > 1:
            count = max(1, round(share * len(distinct)))
            in_order = contents[np.sort(pool[first])]
            drawn = rng.permutation(in_order)[:count]
            assigned[pool[np.isin(contents[pool], drawn)]] = target


def _drop_duplicates(
    assigned: np.ndarray, digests: list[bytes], held_out: str, dropped: dict[str, int]
) -> None:
    """Drop images of other splits that equal one of the split ``held_out``; count them."""
    seen = {digests[row] for row in np.flatnonzero(assigned == held_out)}
    for split in dropped:
        if split == held_out:
            continue
        for row in np.flatnonzero(assigned == split):
            if digests[row] in seen:
                assigned[row] = NO_SPLIT
                dropped[split] += 1
