"""Photos that a camera stored sideways, with an EXIF orientation that asks to turn them."""

import io
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from service.contract.descriptions import DatasetDescription
from tests.workers.compression.conftest import full_spec
from workers.compression.images import description, splits
from workers.compression.images.orientation import prefers_stored
from workers.compression.values import Teacher

SIDE = 16
TURN_CLOCKWISE = 6
RNG = np.random.default_rng(0)


def photo(bright_half):
    pixels = RNG.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[bright_half] += 180
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = TURN_CLOCKWISE
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95, exif=exif)
    return content.getvalue()


HALVES = {
    "bottom": np.s_[SIDE // 2 :, :],
    "left": np.s_[:, : SIDE // 2],
    "right": np.s_[:, SIDE // 2 :],
    "top": np.s_[: SIDE // 2, :],
}
"""Of the pixels as they are stored."""
AFTER_TURNING = {"bottom": "left", "left": "top", "right": "bottom", "top": "right"}
"""Where the bright half is when the orientation is applied: turned clockwise."""


def photos(zipped):
    files: dict[str, bytes] = {}
    for name, half in HALVES.items():
        files |= {f"{name}/{number}.jpg": photo(half) for number in range(30)}
    return zipped(files)


def teacher(class_of_half):
    """Answers by the brightest half of an image; ``class_of_half`` is the class of each."""
    outputs = [list(HALVES).index(class_of_half[half]) for half in HALVES]

    def predict(images):
        values = np.zeros((len(images), 4), np.float32)
        for half, output in zip(HALVES.values(), outputs, strict=True):
            values[:, output] = images[:, *half].mean((1, 2, 3))
        return 10 * values / np.abs(values).max()

    return Teacher("keras", "keras", (SIDE, SIDE, 3), 4, 1, 1, None, Path("unused"), predict, {})


def load(zipped, folder, class_of_half):
    spec = full_spec()
    prefers = partial(prefers_stored, teacher(class_of_half), spec)
    shape = (SIDE, SIDE, 3)
    path = photos(zipped)
    return splits.load_both(path, shape, shape, spec, folder, lambda _: None, prefers)[0]


def test_photos_stay_as_stored_for_a_teacher_that_knows_them_so(zipped, tmp_path):
    found = load(zipped, tmp_path, {half: half for half in HALVES})
    of_top = found.train.features[found.train.labels == found.classes.index("top")]
    assert of_top[:, : SIDE // 2].mean() > of_top[:, SIDE // 2 :].mean() + 100
    assert (found.description["exif_turned"], found.description["exif_applied"]) == (120, False)
    assert any("do not turn photos" in warning for warning in found.warnings)


def test_photos_are_turned_for_a_teacher_that_knows_them_upright(zipped, tmp_path):
    found = load(zipped, tmp_path, AFTER_TURNING)
    of_top = found.train.features[found.train.labels == found.classes.index("top")]
    assert of_top[:, :, SIDE // 2 :].mean() > of_top[:, :, : SIDE // 2].mean() + 100
    assert (found.description["exif_turned"], found.description["exif_applied"]) == (120, True)
    assert found.warnings == ()


def test_an_inspection_counts_turned_photos(zipped):
    described = DatasetDescription.model_validate(description.describe(photos(zipped)))
    assert described.exif_turned == 120


def test_damaged_exif_data_does_not_cost_the_image(zipped):
    content = photo(HALVES["top"]).replace(b"MM\0*", b"MM\7\7")
    files = {f"{name}/{number}.jpg": content for name in "ab" for number in range(20)}
    described = description.describe(zipped(files))
    assert (described["images"], described["exif_turned"]) == (40, 0)
