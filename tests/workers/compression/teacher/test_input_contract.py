from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workers.compression.errors import CompressionError
from workers.compression.teacher import input_contract
from workers.compression.values import Split, Teacher

CLASSES = ("a", "b", "c", "d")
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 400).astype(np.int32)
LEVELS = np.array([30, 90, 150, 210])
IMAGES = np.clip(
    LEVELS[LABELS][:, None, None, None] + RNG.normal(0, 8, (400, 6, 6, 3)), 0, 255
).astype(np.uint8)
SAMPLE = Split(IMAGES, LABELS)


def brightness_teacher(scale, order=(0, 1, 2, 3)) -> Teacher:
    """Knows four levels of brightness, once pixels went through ``scale``: a real classifier by
    nearest mean.
    """
    centres = np.array(
        [scale(np.full((1, 1, 1, 3), level, np.float32)).mean() for level in LEVELS]
    )[list(order)]
    width = np.abs(np.diff(np.sort(centres))).min()

    def predict(images):
        distance = (images.mean((1, 2, 3))[:, None] - centres) / width
        exponent = np.exp(-8 * distance**2)
        return (exponent / np.maximum(exponent.sum(1, keepdims=True), 1e-30)).astype(np.float32)

    return Teacher("keras", "keras", (6, 6, 3), 4, 10, 10, None, Path("unused"), predict, {})


@pytest.mark.parametrize("name", ["raw", "unit", "symmetric", "standardized", "imagenet"])
def test_the_scaling_is_found(name):
    pixels = IMAGES.reshape(-1, 3).astype(np.float64)
    ways = input_contract.scalings(pixels.mean(0), pixels.std(0), 3)
    found = input_contract.find(brightness_teacher(ways[name]), SAMPLE, CLASSES, {})
    assert found.scaling == name
    assert found.accuracies[name] > 0.95
    assert set(found.accuracies) == set(ways)


def test_a_stated_scaling_is_believed():
    found = input_contract.find(
        brightness_teacher(lambda x: x / 255), SAMPLE, CLASSES, {"input_scaling": "unit"}
    )
    assert (found.scaling, found.stated) == ("unit", True)


@pytest.mark.parametrize(
    ("order", "names"), [((1, 2, 3, 0), "b, c, d, a"), ((0, 1, 3, 2), "a, b, d, c")]
)
def test_another_order_of_the_classes_is_named(order, names):
    teacher = brightness_teacher(lambda x: x / 255, order=order)
    with pytest.raises(CompressionError) as caught:
        input_contract.find(teacher, SAMPLE, CLASSES, {"input_scaling": "unit"})
    assert caught.value.code == "class_order_mismatch"
    assert names in caught.value.hint


def test_a_fair_teacher_of_many_classes_is_not_taken_for_one_in_another_order():
    count, rng = 300, np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int32)
    answers = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, count, len(labels)))
    images = np.stack([answers // 256, answers % 256, answers % 256], axis=-1).astype(np.uint8)[
        :, None, None
    ]

    def predict(pixels):
        codes = np.round(pixels[:, 0, 0, :2] * (255 if pixels.max() <= 1 else 1)) @ (256, 1)
        return np.eye(count, dtype=np.float32)[np.clip(codes, 0, count - 1).astype(int)]

    teacher = replace(
        brightness_teacher(lambda x: x), input_shape=(1, 1, 3), outputs=count, predict=predict
    )
    found = input_contract.find(
        teacher, Split(images, labels), tuple(map(str, range(count))), {"input_scaling": "raw"}
    )
    assert found.accuracies["raw"] > 0.5


def test_a_scaling_that_the_teacher_refuses_is_not_taken():
    checked = brightness_teacher(lambda x: x / 255)

    def predict(images):
        if images.max() > 1:
            raise CompressionError("unsupported_input", "The model does not take the images.")
        return checked.predict(images)

    assert (
        input_contract.find(replace(checked, predict=predict), SAMPLE, CLASSES, {}).scaling
        == "unit"
    )
    with pytest.raises(CompressionError, match="does not take"):
        input_contract.find(
            replace(checked, predict=predict), SAMPLE, CLASSES, {"input_scaling": "raw"}
        )


@pytest.mark.parametrize("count", [2, 3])
def test_swapped_classes_are_named_however_few(count):
    keep = count > LABELS
    teacher = brightness_teacher(
        lambda x: x / 255, order=(1, 0, 2, 3) if count == 2 else (1, 2, 0, 3)
    )
    teacher = replace(
        teacher,
        outputs=count,
        predict=lambda images, whole=teacher.predict: whole(images)[:, :count],
    )
    with pytest.raises(CompressionError) as caught:
        input_contract.find(
            teacher, Split(IMAGES[keep], LABELS[keep]), CLASSES[:count], {"input_scaling": "unit"}
        )
    assert ("b, a" if count == 2 else "b, c, a") in caught.value.hint


def test_a_constant_answer_is_at_chance_however_uneven_the_classes():
    rows = np.concatenate([np.flatnonzero(LABELS == 0), np.flatnonzero(LABELS == 1)[:8]])
    teacher = replace(
        brightness_teacher(lambda x: x),
        outputs=2,
        predict=lambda x: np.tile([0.9, 0.1], (len(x), 1)),
    )
    with pytest.raises(CompressionError) as caught:
        input_contract.find(teacher, Split(IMAGES[rows], LABELS[rows]), ("a", "b"), {})
    assert caught.value.code == "teacher_near_chance"


def test_a_teacher_of_nan_is_named():
    teacher = replace(
        brightness_teacher(lambda x: x), predict=lambda x: np.full((len(x), 4), np.nan)
    )
    with pytest.raises(CompressionError) as caught:
        input_contract.find(teacher, SAMPLE, CLASSES, {})
    assert caught.value.code == "teacher_not_finite"


def test_a_wrong_scaling_is_named():
    with pytest.raises(CompressionError) as caught:
        input_contract.find(brightness_teacher(lambda x: x * 1e4), SAMPLE, CLASSES, {})
    assert caught.value.code == "teacher_near_chance"
    assert "scaling" in caught.value.hint


def test_a_teacher_of_other_width_is_refused():
    teacher = replace(brightness_teacher(lambda x: x), outputs=5)
    with pytest.raises(CompressionError) as caught:
        input_contract.find(teacher, SAMPLE, CLASSES, {})
    assert caught.value.code == "output_width_mismatch"
    assert "background" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], "softmax"),
        ([[0.9, 0.8], [0.1, 0.0]], "sigmoid"),
        ([[0.7], [0.1]], "sigmoid"),
        ([[3.0, -1.0], [0.0, 2.0]], "logits"),
        ([[3.0, 0.0], [0.0, 7.0]], "logits"),
    ],
)
def test_the_kind_of_output_is_told_by_its_values(values, kind):
    assert input_contract.output_kind(np.array(values)) == kind


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "logits"])
def test_logits_keep_the_order_of_the_outputs(kind):
    values = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], np.float32)
    assert np.array_equal(input_contract.as_logits(values, kind).argsort(1), values.argsort(1))


def test_one_sigmoid_becomes_two_classes():
    assert input_contract.as_logits(np.array([[0.9], [0.2]]), "sigmoid").argmax(1).tolist() == [
        1,
        0,
    ]


@pytest.mark.parametrize("name", ["raw", "unit", "symmetric", "standardized", "imagenet", "caffe"])
def test_a_scaling_is_a_matrix_and_an_offset_from_a_students_pixels(name):
    contract = input_contract.InputContract(
        name, "logits", {}, (100.0, 110.0, 120.0), (50.0, 60.0, 70.0), False
    )
    way = input_contract.scalings(np.float32(contract.mean), np.float32(contract.std), 3)[name]
    matrix, offset = input_contract.affine(contract, 3)
    pixels = IMAGES[:4].astype(np.float32)
    np.testing.assert_allclose(
        (pixels - 128.0) / 127.5 @ matrix + offset, way(pixels), rtol=1e-3, atol=1e-3
    )
