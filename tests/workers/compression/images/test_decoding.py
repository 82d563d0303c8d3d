"""Images that are too large, or of another format than their name says."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.workers.compression.conftest import class_folders, full_spec
from workers.compression.errors import CompressionError
from workers.compression.images import decoding, description, splits
from workers.compression.images.class_folders import index


def encoded(image, file_format):
    buffer = io.BytesIO()
    image.save(buffer, file_format)
    return buffer.getvalue()


def decoded(zipped, name, content):
    path = zipped(class_folders(30) | {name: content})
    found = {str(each.entry.path): each for each in decoding.decode_images(path, index(path))}
    return found[name]


def test_a_large_jpeg_is_reduced_while_it_is_read(zipped, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 300 * 200)
    content = encoded(Image.new("RGB", (400, 200), "red"), "JPEG")
    assert decoded(zipped, "red/large.jpg", content).image.size == (200, 100)


@pytest.mark.parametrize(("file_format", "limit"), [("PNG", "60,000"), ("JPEG", "70,000")])
def test_an_image_beyond_the_limit_is_left_out_with_both_numbers(
    zipped, monkeypatch, file_format, limit
):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 60_000)
    monkeypatch.setattr(decoding, "MAX_JPEG_PIXELS", 70_000)
    content = encoded(Image.new("RGB", (400, 200), "red"), file_format)
    reason = decoded(zipped, "red/large.png", content).reason
    assert reason == f"red/large.png: 80,000 pixels, more than {limit}"


def progressive(scans: int) -> bytes:
    """A JPEG of ten scans, the first of them repeated."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    start = content.index(b"\xff\xda")
    end = content.index(b"\xff\xda", start + 2)
    return content[:start] + content[start:end] * (scans - 9) + content[end:]


def test_a_jpeg_that_a_decoder_would_go_through_many_times_is_left_out(zipped):
    assert decoded(zipped, "red/x.jpg", progressive(10)).image.size == (64, 64)
    assert decoded(zipped, "red/x.jpg", progressive(100)).image.size == (64, 64)
    assert decoded(zipped, "red/x.jpg", progressive(101)).reason == "red/x.jpg: more than 100 scans"


def test_scans_behind_a_jpeg_are_not_counted(zipped):
    film = b"\xff\xda" * 1000
    assert decoded(zipped, "red/x.jpg", progressive(10) + film).image.size == (64, 64)
    exif = b"Exif\0\0" + film
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", exif=exif)
    assert decoded(zipped, "red/x.jpg", buffer.getvalue()).image.size == (64, 64)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (encoded(Image.fromarray(np.zeros((4, 4), np.uint8)), "TIFF"), "TIFF"),
    ],
)
def test_the_real_format_of_a_renamed_file_is_named(zipped, content, name):
    files = class_folders(10)
    for number in range(10):
        files[f"red/{number}.jpg"] = content + bytes(100)
    with pytest.raises(CompressionError) as caught:
        description.describe(zipped(files))
    assert caught.value.code == "too_many_unreadable"
    assert f"red/0.jpg: it is {name}, not JPEG" in caught.value.message


@pytest.mark.parametrize(("bits", "told"), [(10, True), (12, True), (16, False)])
def test_grey_images_of_16_bits_are_scaled_by_the_range_of_the_data(zipped, tmp_path, bits, told):
    rng = np.random.default_rng(0)
    files = {}
    for number in range(40):
        levels = rng.integers(0, 2**bits, (8, 8)).astype(np.uint16)
        levels[0, 0] = 2**bits - 1
        files[f"{'ab'[number % 2]}/{number}.png"] = encoded(Image.fromarray(levels), "PNG")
    found = splits.load(zipped(files), (8, 8, 1), full_spec(), tmp_path, lambda _: None)
    assert found.train.features[:, 0, 0].min() == 255
    assert len(np.unique(found.train.features)) > 200
    assert found.description["grey_bits"] == bits
    assert any(f"need {bits} bits" in warning for warning in found.warnings) == told


def between(line, places):
    """Values of a line of pixels at places between them."""
    return np.interp(places, np.arange(len(line)), line)


@pytest.mark.parametrize(
    ("size", "wanted"), [(213, 128), (160, 96), (128, 128), (40, 96), (32, 224)]
)
def test_pixels_lie_where_mediapipe_takes_them(size, wanted):
    """Checked against MediaPipe itself by benchmarks/mediapipe."""
    rng = np.random.default_rng(0)
    across, down = rng.integers(0, 256, size), rng.integers(0, 256, size)
    places = np.arange(wanted) * size / wanted
    image = Image.fromarray(np.tile(across, (size, 1)).astype(np.uint8))
    found = decoding.to_pixels(image, (wanted, wanted, 1))[..., 0]
    assert np.abs(found - between(across, places)).max() < 1.01
    image = Image.fromarray(np.tile(down[:, None], (1, size)).astype(np.uint8))
    found = decoding.to_pixels(image, (wanted, wanted, 1))[..., 0]
    assert np.abs(found - between(down, places)[:, None]).max() < 1.01


def test_more_pixels_than_the_operator_allows_are_refused_before_all_are_decoded(zipped):
    """Their number is that of all images; progress is told, so that a slow one is not ended."""
    path, told = zipped(class_folders(30)), []
    found = description.describe(path, lambda stage, fraction, **_: told.append(fraction))
    sides = found["image_sizes"]["width"]["most"], found["image_sizes"]["height"]["most"]
    pixels = found["images"] * sides[0] * sides[1]
    description.describe(path, max_pixels=pixels)
    assert told == [0.0]
    with pytest.raises(CompressionError) as caught:
        description.describe(path, max_pixels=pixels - 1)
    assert caught.value.code == "too_many_pixels"
