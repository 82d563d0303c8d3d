from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.workers.compression.conftest import full_spec
from workers.compression.errors import CompressionError
from workers.compression.images import input_scaling, pixels
from workers.compression.images.scalings import scaling_of, scalings, student_to_teacher
from workers.compression.values import InputContract, Split, Teacher

CLASSES = ("a", "b", "c", "d")
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 400).astype(np.int32)
LEVELS = np.array([30, 90, 150, 210])
NOISE = RNG.normal(0, 8, (400, 6, 6, 3))
IMAGES = np.clip(LEVELS[LABELS][:, None, None, None] + NOISE, 0, 255).astype(np.uint8)
TRAIN = Split(IMAGES, LABELS)


def unit(x):
    return x / 255


def brightness_teacher(scale, order=(0, 1, 2, 3)):
    """Knows four levels of brightness by the nearest mean, in images scaled by ``scale``."""
    levels = [scale(np.full((1, 1, 1, 3), level, np.float32)).mean() for level in LEVELS]
    centres = np.array(levels)[list(order)]
    width = np.abs(np.diff(np.sort(centres))).min()

    def predict(images):
        distance = (images.mean((1, 2, 3))[:, None] - centres) / width
        exponent = np.exp(-8 * distance**2)
        return (exponent / np.maximum(exponent.sum(1, keepdims=True), 1e-30)).astype(np.float32)

    return Teacher("keras", "keras", (6, 6, 3), 4, 10, 10, None, Path("unused"), predict, {})


def find(teacher, train=TRAIN, classes=CLASSES, **spec):
    return input_scaling.find(teacher, train, classes, full_spec(**spec)).contract


def refusal(teacher, train=TRAIN, classes=CLASSES, **spec):
    with pytest.raises(CompressionError) as caught:
        find(teacher, train, classes, **spec)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["raw", "unit", "symmetric", "standardized", "imagenet"])
def test_the_scaling_is_found(name):
    colours = IMAGES.reshape(-1, 3).astype(np.float64)
    known = scalings(colours.mean(0), colours.std(0), 3)
    found = find(brightness_teacher(known[name]))
    assert found.scaling == name
    assert found.accuracies[name] > 0.95
    assert set(found.accuracies) == set(known)


def test_a_stated_scaling_is_used():
    found = find(brightness_teacher(unit), input_scaling="unit")
    assert (found.scaling, found.stated) == ("unit", True)


def test_a_scaling_for_colour_images_is_refused_for_grey_ones():
    teacher = replace(brightness_teacher(unit), input_shape=(6, 6, 1))
    error = refusal(teacher, Split(IMAGES[..., :1], LABELS), input_scaling="caffe")
    assert (error.code, "standardized" in error.hint) == ("unsupported_input", True)


@pytest.mark.parametrize(
    ("order", "names"), [((1, 2, 3, 0), "b, c, d, a"), ((0, 1, 3, 2), "a, b, d, c")]
)
def test_another_order_of_the_classes_is_named(order, names):
    error = refusal(brightness_teacher(unit, order=order), input_scaling="unit")
    assert error.code == "class_order_mismatch"
    assert names in error.hint


@pytest.mark.parametrize(
    ("folders", "outputs"),
    [
        (("2", "3", "10", "20"), ("10", "2", "20", "3")),
        (("class1", "class10", "class2", "class3"), ("class1", "class2", "class3", "class10")),
        (("Cat", "Zebra", "ant", "bee"), ("ant", "bee", "Cat", "Zebra")),
    ],
)
def test_an_order_in_which_programs_sort_classes_is_found(folders, outputs):
    by_outputs = brightness_teacher(unit, order=[folders.index(name) for name in outputs])
    contract = find(by_outputs, classes=folders)
    assert (contract.classes, contract.accuracies[contract.scaling]) == (outputs, 1.0)
    assert ", ".join(outputs) in contract.warnings[0]
    assert refusal(by_outputs, classes=folders, class_names=folders).code == "class_order_mismatch"


@pytest.mark.parametrize(("count", "order"), [(2, (1, 0, 2, 3)), (3, (1, 2, 0, 3))])
def test_another_order_of_two_or_three_classes_is_named(count, order):
    rows = count > LABELS
    whole = brightness_teacher(unit, order=order)
    teacher = replace(whole, outputs=count, predict=lambda x: whole.predict(x)[:, :count])
    train = Split(IMAGES[rows], LABELS[rows])
    error = refusal(teacher, train, CLASSES[:count], input_scaling="unit")
    assert ("b, a" if count == 2 else "b, c, a") in error.hint


def test_a_mediocre_teacher_of_many_classes_is_not_refused_for_its_order():
    count, rng = 300, np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int32)
    answers = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, count, len(labels)))
    codes = np.stack([answers // 256, answers % 256, answers % 256], axis=-1)
    images = codes.astype(np.uint8)[:, None, None]

    def predict(x):
        codes = np.round(x[:, 0, 0, :2] * (255 if x.max() <= 1 else 1)) @ (256, 1)
        return np.eye(count, dtype=np.float32)[np.clip(codes, 0, count - 1).astype(int)]

    teacher = brightness_teacher(lambda x: x)
    teacher = replace(teacher, input_shape=(1, 1, 3), outputs=count, predict=predict)
    classes = tuple(map(str, range(count)))
    found = find(teacher, Split(images, labels), classes, input_scaling="raw")
    assert found.accuracies["raw"] > 0.5


def test_a_scaling_that_the_teacher_refuses_is_not_chosen():
    checked = brightness_teacher(unit)

    def predict(images):
        if images.max() > 1:
            raise CompressionError("unsupported_input", "The model does not accept this.", "-")
        return checked.predict(images)

    teacher = replace(checked, predict=predict)
    assert find(teacher).scaling == "unit"
    assert "does not accept" in refusal(teacher, input_scaling="raw").message


def test_a_constant_answer_is_refused_however_uneven_the_classes_are():
    rows = np.concatenate([np.flatnonzero(LABELS == 0), np.flatnonzero(LABELS == 1)[:8]])
    teacher = brightness_teacher(lambda x: x)
    teacher = replace(teacher, outputs=2, predict=lambda x: np.tile([0.9, 0.1], (len(x), 1)))
    error = refusal(teacher, Split(IMAGES[rows], LABELS[rows]), ("a", "b"))
    assert error.code == "teacher_near_chance"


def test_a_teacher_that_answers_nan_is_refused():
    teacher = brightness_teacher(lambda x: x)
    teacher = replace(teacher, predict=lambda x: np.full((len(x), 4), np.nan))
    assert refusal(teacher).code == "teacher_not_finite"


def test_an_unknown_scaling_is_refused_with_a_hint_about_it():
    error = refusal(brightness_teacher(lambda x: x * 1e4))
    assert error.code == "teacher_near_chance"
    assert "scaling" in error.hint


def test_a_teacher_with_other_outputs_than_classes_is_refused():
    error = refusal(replace(brightness_teacher(lambda x: x), outputs=5))
    assert error.code == "output_width_mismatch"
    assert "background" in error.hint


@pytest.mark.parametrize(
    "name",
    ["raw", "unit", "standardized", "imagenet", "caffe", "caffe_rgb", "unit_bgr", "raw_inverted"],
)
def test_a_matrix_and_an_offset_lead_from_a_students_input_to_the_teachers(name):
    mean, std = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)
    contract = InputContract(name, "logits", ("a", "b"), {}, mean, std, False)
    input_map = student_to_teacher(contract, 3)
    assert input_map is not None
    matrix, offset = input_map
    x = IMAGES[:4].astype(np.float32)
    expected = scaling_of(contract, 3)(x)
    np.testing.assert_allclose(pixels.scale(x) @ matrix + offset, expected, rtol=1e-3, atol=1e-3)
