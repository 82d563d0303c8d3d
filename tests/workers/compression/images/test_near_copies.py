"""Copies of photos that differ in bytes and pixels: re-encoded, or as a thumbnail beside them."""

import io

import numpy as np
import pytest
from PIL import Image

from service.contract.descriptions import DataSummary
from tests.workers.compression.conftest import full_spec
from workers.compression.images import splits
from workers.compression.images.near_copies import joined, thumbnail

SIDE = 128
SHAPE = (SIDE, SIDE, 3)


def photos(count, seed=0):
    """Smooth random images, as different from each other as photos are."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        yield coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def encoded(image, quality=95):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


def half(image):
    return image.resize((SIDE // 2, SIDE // 2), Image.Resampling.LANCZOS)


def brighter(image):
    return Image.fromarray(np.clip(np.asarray(image).astype(int) + 40, 0, 255).astype(np.uint8))


def load(path, folder, shape=SHAPE):
    return splits.load(path, shape, full_spec(), folder, lambda _: None)


def thumbnails_of(images):
    return np.stack([thumbnail(np.asarray(image)) for image in images])


@pytest.mark.parametrize("change", [lambda image: Image.open(io.BytesIO(encoded(image, 60))), half])
def test_a_changed_copy_is_joined_to_its_photo_and_to_no_other(change):
    originals = list(photos(300))
    found = joined(thumbnails_of([*originals, *map(change, originals)]))
    assert np.array_equal(found[:300], found[300:])
    assert len(np.unique(found)) == 300


def test_another_exposure_is_no_copy_and_flat_images_are_none_of_each_other():
    originals = list(photos(20))
    flat = [Image.new("RGB", (SIDE, SIDE), (level, level, level)) for level in range(0, 100, 5)]
    found = joined(thumbnails_of([*originals, *map(brighter, originals), *flat]))
    assert len(np.unique(found)) == 60


def test_photos_stay_in_one_split_with_their_thumbnails(zipped, tmp_path):
    files = {}
    for number, photo in enumerate(photos(80)):
        folder = "ab"[number % 2]
        files[f"{folder}/{number}.jpg"] = encoded(photo)
        files[f"{folder}/thumbnails/{number}.jpg"] = encoded(half(photo), 70)
    found = load(zipped(files), tmp_path)
    groups = joined(
        np.concatenate(
            [thumbnails_of(part.features) for part in (found.train, found.val, found.test)]
        )
    )
    train, val, test = np.split(groups, np.cumsum([len(found.train), len(found.val)]))
    assert not set(train) & set(test) and not set(train) & set(val) and not set(val) & set(test)
    assert len(found.train) + len(found.val) + len(found.test) == 160
    description = DataSummary.model_validate(found.description)
    assert description.near_copies == 80
    assert description.near_copies_example == ["a/0.jpg", "a/thumbnails/0.jpg"]
    assert any(text.startswith("80 images are nearly equal") for text in found.warnings)


def test_copies_of_given_test_images_are_not_trained_on(zipped, tmp_path):
    files = {}
    for number, photo in enumerate(photos(80)):
        files[f"train/{'ab'[number % 2]}/{number}.jpg"] = encoded(photo)
    for number, photo in enumerate(photos(90)):
        if number >= 70:
            files[f"test/{'ab'[number % 2]}/{number}.jpg"] = encoded(half(photo), 70)
    found = load(zipped(files), tmp_path)
    assert (len(found.test), found.description["duplicates_dropped"]["train"]) == (20, 10)


@pytest.mark.parametrize("given", [False, True])
def test_frames_of_one_video_are_divided_with_a_warning(zipped, tmp_path, given):
    """Of class a every image is alike; of class b all differ."""
    rng = np.random.default_rng(1)
    still = np.asarray(next(photos(1, seed=9))).astype(int)
    files = {}
    for number, photo in enumerate(photos(60)):
        split = ("test/" if number % 5 == 0 else "train/") if given else ""
        noise = rng.integers(-6, 7, still.shape)
        frame = Image.fromarray(np.clip(still + noise, 0, 255).astype(np.uint8))
        files[f"{split}a/{number}.jpg"] = encoded(frame)
        files[f"{split}b/{number}.jpg"] = encoded(photo)
    found = load(zipped(files), tmp_path)
    assert np.bincount(found.train.labels).min() >= 40
    (warning,) = [text for text in found.warnings if "frames of one video" in text]
    assert "in these classes: a." in warning
