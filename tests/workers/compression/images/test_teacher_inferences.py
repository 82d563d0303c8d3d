"""How often the teacher is asked before the training, which is most of the time until then."""

from pathlib import Path

import numpy as np

from tests.workers.compression.conftest import full_spec
from workers.compression.images import augmentation, input_scaling
from workers.compression.teacher import soft_targets
from workers.compression.values import Dataset, Split, Teacher

CLASSES = tuple("abcdef")
COLOURS = np.random.default_rng(0).integers(20, 235, (len(CLASSES), 3))


def photos(count):
    rng = np.random.default_rng(count)
    labels = rng.integers(0, len(CLASSES), count).astype(np.int32)
    noise = rng.normal(0, 12, (count, 4, 4, 3))
    features = np.clip(COLOURS[labels][:, None, None] + noise, 0, 255).astype(np.uint8)
    return Split(features, labels)


class CountedTeacher:
    """Knows the mean colour of each class, in pixels 0..1; counts the images that it is given."""

    def __init__(self):
        self.images = 0

    def __call__(self, images):
        self.images += len(images)
        distances = np.square(images.mean((1, 2))[:, None] - COLOURS / 255).sum(2)
        exponents = np.exp(-300 * distances) + 1e-9
        return (exponents / exponents.sum(1, keepdims=True)).astype(np.float32)


def test_few_more_images_are_asked_than_the_soft_targets_need(tmp_path: Path) -> None:
    data = Dataset(CLASSES, photos(2_042), photos(106), photos(379), {})
    counted = CountedTeacher()
    teacher = Teacher("keras", "keras", (4, 4, 3), 6, 10, 10, None, Path("unused"), counted, {})
    reported = list[float]()
    prepared = input_scaling.prepare_teacher(teacher, data, full_spec(), reported.append)
    assert prepared.contract.scaling == "unit"
    tolerated = augmentation.tolerated_augmentation(prepared, data, reported.append)
    assert tolerated.mirrored
    preprocessing = augmentation.preprocessing(tolerated.mirrored, 0)
    before = counted.images
    predict, known = prepared.predict_logits, prepared.known
    targets = soft_targets.compute(
        predict, data.train, preprocessing, tmp_path, reported.append, known
    )
    needed = preprocessing.views * len(data.train)
    assert counted.images - needed <= 0.15 * len(data.train) + 2_000
    # What the search has computed is not computed again, and nothing is left out.
    assert counted.images - before == needed - len(known.rows)
    for view in range(preprocessing.views):
        own = predict(preprocessing.make_view(data.train.features, view))
        np.testing.assert_allclose(targets.logits[view], own, atol=1e-5)
    # No part of the work is without news for longer than some hundred images.
    assert len(reported) >= counted.images / 700 and max(reported) == 1.0


def test_a_stated_scaling_costs_nothing_that_is_not_used() -> None:
    counted = CountedTeacher()
    data = Dataset(CLASSES, photos(2_042), photos(106), photos(379), {})
    teacher = Teacher("keras", "keras", (4, 4, 3), 6, 10, 10, None, Path("unused"), counted, {})
    prepared = input_scaling.prepare_teacher(teacher, data, full_spec(input_scaling="unit"))
    assert counted.images == len(prepared.known.rows) == len(set(prepared.known.rows))
