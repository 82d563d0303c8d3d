"""The search of unusual scalings: reversed channels, inverted pixels, each image by itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.workers.compression.conftest import full_spec
from workers.compression.errors import CompressionError
from workers.compression.images import input_scaling
from workers.compression.images.scalings import mean_and_std, scalings, student_to_teacher
from workers.compression.values import Split, Teacher

CLASSES = ("a", "b", "c", "d")
RNG = np.random.default_rng(3)
PROTOTYPES = RNG.integers(0, 200, (4, 6, 6, 3)).astype(np.float32)
LABELS = RNG.integers(0, 4, 600).astype(np.int32)
NOISE = RNG.normal(0, 4, (600, 6, 6, 3))
TRAIN = Split(np.clip(PROTOTYPES[LABELS] + NOISE, 0, 255).astype(np.uint8), LABELS)
KNOWN = scalings(*mean_and_std(TRAIN.features), 3)


def prototype_teacher(scale, channels=3, description=None, order=(0, 1, 2, 3)):
    """Knows one image per class, scaled by ``scale``, and is unsure about images unlike these."""
    prototypes = scale(PROTOTYPES[..., :channels])[list(order)]
    noise = (scale(PROTOTYPES[..., :channels] + NOISE[:4, ..., :channels]))[
        list(order)
    ] - prototypes
    width = np.square(noise).sum((1, 2, 3)).mean()

    def predict(images):
        distances = np.square(images[:, None] - prototypes).sum((2, 3, 4)) / width
        exponents = np.exp(-distances) + 1e-6
        return (exponents / exponents.sum(1, keepdims=True)).astype(np.float32)

    shape = (6, 6, channels)
    path = Path("unused")
    return Teacher("keras", "keras", shape, 4, 10, 10, None, path, predict, description or {})


def find(teacher, train=TRAIN, **spec):
    return input_scaling.find(teacher, train, CLASSES, full_spec(**spec)).contract


def refusal(teacher, train=TRAIN, **spec):
    with pytest.raises(CompressionError) as caught:
        find(teacher, train, **spec)
    return caught.value


@pytest.mark.parametrize("name", KNOWN)
def test_every_scaling_of_colour_images_is_found(name):
    found = find(prototype_teacher(KNOWN[name]))
    assert found.scaling == name
    assert found.accuracies[name] > 0.95
    assert set(found.accuracies) == set(KNOWN)


@pytest.mark.parametrize("name", ["unit_inverted", "symmetric_inverted", "per_image"])
def test_a_scaling_of_grey_images_is_found(name):
    grey = Split(TRAIN.features[..., :1], LABELS)
    known = scalings(*mean_and_std(grey.features), 1)
    assert "unit_bgr" not in known
    assert find(prototype_teacher(known[name], channels=1), grey).scaling == name


def test_where_colours_do_not_matter_the_usual_order_of_channels_is_taken():
    grey = np.repeat(TRAIN.features[..., :1], 3, axis=-1)

    def scale(x):
        return np.repeat(x[..., :1], 3, axis=-1) / 255

    found = find(prototype_teacher(scale), Split(grey, LABELS))
    assert (found.scaling, found.warnings) == ("unit", ())


def test_channels_in_reverse_order_are_not_taken_for_another_order_of_classes():
    colours = np.array([[200, 30, 30], [30, 30, 200], [30, 200, 30], [200, 200, 30]], np.float32)
    prototypes = np.broadcast_to(colours[:, None, None], (4, 6, 6, 3))
    images = np.clip(prototypes[LABELS] + NOISE, 0, 255).astype(np.uint8)
    swapped = prototypes[..., ::-1] / 255

    def predict(x):
        distances = np.square(x[:, None] - swapped).sum((2, 3, 4))
        exponents = np.exp(-10 * distances) + 1e-6
        return exponents / exponents.sum(1, keepdims=True)

    teacher = Teacher("keras", "keras", (6, 6, 3), 4, 10, 10, None, Path("unused"), predict, {})
    assert find(teacher, Split(images, LABELS)).scaling == "unit_bgr"


def test_another_order_of_the_classes_is_named_when_the_scaling_is_unusual():
    error = refusal(prototype_teacher(KNOWN["unit_bgr"], order=(2, 3, 1, 0)))
    assert error.code == "class_order_mismatch"
    assert "c, d, b, a" in error.hint


def test_two_scalings_between_which_the_images_hardly_decide_are_both_named():
    good = 3 * np.eye(4)[LABELS[:100]]
    other = good.copy()
    good[:2], other[2:4] = good[:2, ::-1], other[2:4, ::-1]

    few = Split(TRAIN.features[:100].copy(), LABELS[:100])
    few.features[:, 0, 0, 0] = np.arange(100)

    def predict(x):
        if x.min() < 0:
            return np.zeros((len(x), 4))
        numbers = x[:, 0, 0, 0] * (255 if x.max() <= 1 else 1)
        return (good if x.max() <= 1 else other)[np.clip(numbers.round().astype(int), 0, 99)]

    teacher = prototype_teacher(KNOWN["unit"])
    found = find(replace(teacher, predict=predict), few)
    (warning,) = found.warnings
    assert "unit" in warning and "raw" in warning
    assert f"{found.accuracies['unit']:.1%}" in warning and "input_scaling" in warning


def test_a_poor_teacher_is_told_with_the_next_best_scaling():
    good = prototype_teacher(KNOWN["unit"])
    random = np.random.default_rng(0).random((600, 4))

    def predict(x):
        answers = good.predict(x)
        answers[32:] = random[: len(answers) - 32]
        return answers

    found = find(replace(good, predict=predict))
    assert 0.3 < found.accuracies["unit"] < 0.6
    (warning,) = found.warnings
    assert f"unit {found.accuracies['unit']:.1%}" in warning


def test_the_assumed_size_of_the_image_stands_in_every_refusal():
    description = {"size_assumed": True}
    reordered = prototype_teacher(KNOWN["unit"], description=description, order=(1, 2, 3, 0))
    constant = replace(reordered, predict=lambda x: np.tile([1.0, 0, 0, 0], (len(x), 1)))
    not_finite = replace(reordered, predict=lambda x: np.full((len(x), 4), np.nan))
    for teacher in (reordered, constant, not_finite):
        error = refusal(teacher)
        assert "6 x 6" in error.hint and "input_size" in error.hint


def test_a_scaling_of_each_image_by_itself_has_no_matrix():
    contract = find(prototype_teacher(KNOWN["per_image"]))
    assert student_to_teacher(contract, 3) is None
