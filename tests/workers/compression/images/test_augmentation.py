from pathlib import Path

import keras
import numpy as np

from workers.compression.images import augmentation, pixels
from workers.compression.values import (
    Augmentation,
    Dataset,
    InputContract,
    KnownLogits,
    PreparedTeacher,
    Split,
    Teacher,
)

NOTHING = KnownLogits(np.zeros(0, int), np.zeros((0, 2), np.float32))


def corner_dataset(rng):
    """Images with a bright left edge (class 0) or none (class 1)."""
    labels = (np.arange(40) % 2).astype(np.int32)
    images = rng.integers(0, 60, (40, 16, 16, 3)).astype(np.uint8)
    images[labels == 0, :, :2] += 180
    split = Split(images, labels)
    return Dataset(("left", "none"), split, split, split, {})


def tolerated(predict_logits, data, known=NOTHING):
    contract = InputContract("raw", "logits", data.classes, {}, (), (), False)
    loaded = Teacher("keras", "keras", (16, 16, 3), 2, 1, 1, None, Path(), predict_logits, {})
    teacher = PreparedTeacher(loaded, contract, 0.0, predict_logits, None, known)
    return augmentation.tolerated_augmentation(teacher, data)


def test_a_change_that_the_teacher_does_not_tolerate_is_not_used():
    def left_edge(images):
        bright = images[:, :, :2].astype(np.float32).mean((1, 2, 3))
        return np.stack([bright, 255 - bright], axis=1) - 127.5

    data = corner_dataset(np.random.default_rng(0))
    assert tolerated(left_edge, data) == Augmentation(False, 0.0)


def test_a_teacher_that_tolerates_everything_allows_the_largest_shift():
    def brightness(images):
        bright = images.astype(np.float32).mean((1, 2, 3))
        return np.stack([bright, 90 - bright], axis=1) - 45

    data = corner_dataset(np.random.default_rng(0))
    assert tolerated(brightness, data).mirrored


def test_a_translation_moves_whole_pixels_and_repeats_edges():
    images = np.random.default_rng(0).random((64, 8, 8, 1)).astype(np.float32)
    moved = np.asarray(augmentation.translate(images, 2, keras.random.SeedGenerator(0)))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    offsets = [(row, column) for row in range(5) for column in range(5)]
    found = set()
    for padded_image, image in zip(padded, moved, strict=True):
        windows = [padded_image[row : row + 8, column : column + 8] for row, column in offsets]
        found.add([np.allclose(window, image) for window in windows].index(True))
    assert len(found) > 10


def test_an_image_is_mirrored_if_its_view_says_so():
    images = np.random.default_rng(0).random((4, 6, 6, 3)).astype(np.float32)
    prepared = augmentation.preprocessing(mirrored=True, shift=0)
    views = np.array([0, 1, 0, 1])
    changed = np.asarray(prepared.augment(images, views, keras.random.SeedGenerator(0)))
    np.testing.assert_array_equal(changed[::2], images[::2])
    np.testing.assert_array_equal(changed[1::2], prepared.make_view(images, 1)[1::2])


def test_the_darkest_and_the_brightest_pixel_are_in_every_calibration_image():
    images = np.full((5, 4, 4, 3), 100, np.uint8)
    examples = pixels.calibration_examples(Split(images, np.zeros(5, np.int32)), 3)
    assert examples.shape == (3, 4, 4, 3)
    assert (examples.min(), examples.max()) == (0, 255)
    assert images.max() == 100
