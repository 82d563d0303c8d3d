import keras
import numpy as np
import pytest

from tests.workers.compression.conftest import class_folders, full_spec, png
from workers.compression.errors import CompressionError
from workers.compression.images.input_size import common_size, load_teacher


def images(sizes, zipped):
    """A dataset of two classes with one image of each (height, width)."""
    files = {}
    for number, size in enumerate(sizes):
        image = np.full((*size, 3), number, np.uint8)
        files[f"{'ab'[number % 2]}/{number}.png"] = png(image)
    return zipped(files)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(20, 30)] * 4, (20, 30)),
        ([(20, 30)] * 4 + [(31, 20)] * 3, (20, 30)),
        ([(20, 30), (21, 30), (22, 30), (23, 30)], None),
        ([(600, 800)] * 4, None),
    ],
)
def test_the_size_of_most_images_is_common_unless_they_are_photos(sizes, expected, zipped):
    assert common_size(images(sizes, zipped)) == expected


def test_images_that_cannot_be_read_do_not_count(zipped):
    files = class_folders(2) | {"stripes/bad.png": b"no image"}
    assert common_size(zipped(files)) == (16, 16)


def test_a_teacher_of_any_size_gets_that_of_the_data_or_the_stated_one(zipped, tmp_path):
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax")]
    keras.Sequential([keras.Input((None, None, 3)), *layers]).save(tmp_path / "any.keras")
    data = images([(20, 30)] * 4, zipped)
    for stated, expected in ((None, (20, 30, 3)), ((24, 12), (24, 12, 3))):
        spec = full_spec(input_size=stated)
        found = load_teacher(tmp_path / "any.keras", data, spec, tmp_path / "work")
        assert found.input_shape == expected


def test_a_stated_size_that_the_model_does_not_take_is_refused(stripe_teacher, stripes, tmp_path):
    spec = full_spec(input_size=(32, 32))
    with pytest.raises(CompressionError) as caught:
        load_teacher(stripe_teacher, stripes, spec, tmp_path / "work")
    assert caught.value.code == "unsupported_input"
    assert "16 x 16" in caught.value.message and "32 x 32" in caught.value.message
