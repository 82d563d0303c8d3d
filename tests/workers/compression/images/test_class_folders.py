"""Folders as people and their tools name them."""

import zipfile

import numpy as np
import pytest

from tests.workers.compression.conftest import png, striped
from workers.compression.errors import CompressionError
from workers.compression.images.class_folders import index

IMAGE = png(striped(0, np.random.default_rng(0)))


def found(zipped, *paths):
    return index(zipped(dict.fromkeys(paths, IMAGE)))


def refusal(zipped, *paths):
    with pytest.raises(CompressionError) as caught:
        found(zipped, *paths)
    assert caught.value.hint
    return caught.value


def splits(indexed):
    return {str(path): entry.split for path, entry in indexed.entries.items()}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("data/my-train", "data/my-test"),
        ("Training", "Testing"),
    ],
)
def test_splits_are_found_in_parts_of_names(zipped, train, test):
    paths = [f"{split}/{name}/1.png" for split in (train, test) for name in ("cat", "dog")]
    indexed = found(zipped, *paths)
    assert indexed.classes == ("cat", "dog")
    assert splits(indexed) == dict(zip(paths, ["train", "train", "test", "test"], strict=True))


def test_unlabelled_images_beside_the_splits_are_left_out(zipped):
    paths = [
        f"seg_{split}/seg_{split}/{name}/1.png" for split in ("train", "test") for name in "ab"
    ]
    indexed = found(zipped, *paths, "seg_pred/seg_pred/1.png")
    assert (indexed.classes, indexed.ignored) == (("a", "b"), 1)


def test_classes_may_be_called_like_splits(zipped):
    assert found(zipped, "train_station/1.png", "test_tube/1.png").classes == (
        "test_tube",
        "train_station",
    )


@pytest.mark.parametrize(
    "litter",
    [
        "@eaDir/1.png/SYNOPHOTO_THUMB_M.png",
        "__MACOSX/a/._1.png",
        "a/.DS_Store",
        "a/Thumbs.db",
        "$RECYCLE.BIN/x.png",
        "#recycle/a/1.png",
    ],
)
def test_what_systems_leave_behind_is_neither_read_nor_counted(zipped, litter):
    indexed = found(zipped, "a/1.png", "b/1.png", litter)
    assert (indexed.classes, len(indexed.entries), indexed.ignored) == (("a", "b"), 2, 0)


@pytest.mark.parametrize("name", ["می\u200cرود", "a\u00a0b", "a\u3000b", "👩\u200d🔬", "☀\ufe0f"])
def test_ordinary_spellings_are_allowed(zipped, name):
    assert name in found(zipped, f"{name}/1.png", "other/1.png").classes


@pytest.mark.parametrize("character", ["\u202e", "\u200f", "\u2066", "\x07", "\x85", "\u2028"])
def test_control_characters_are_refused(zipped, character):
    assert refusal(zipped, f"a{character}b/1.png", "other/1.png").code == "unsafe_archive"


def test_classes_that_no_training_image_has_are_named_with_the_likely_spelling(zipped):
    paths = ["train/disc/1.png", "train/cat/1.png", "test/Disc/1.png", "test/cat/1.png"]
    error = refusal(zipped, *paths, "test/bird/1.png")
    assert error.code == "class_not_in_train"
    assert "'Disc' (nearly the same name as 'disc')" in error.message and "'bird'" in error.message


def test_classes_that_differ_in_case_or_spaces_are_named(zipped):
    error = refusal(zipped, "Cat/1.png", "cat/1.png", "dog/1.png", "dog /1.png")
    assert error.code == "similar_class_names"
    assert "'Cat' and 'cat'" in error.message and "'dog' and 'dog '" in error.message
    assert found(zipped, "a/1.png", "A/1.png").classes == ("A", "a")


@pytest.mark.parametrize(("code_page", "name"), [("gbk", "猫咪"), ("shift_jis", "犬たち")])
def test_names_in_an_unknown_code_page_are_refused_with_how_they_could_read(
    tmp_path, code_page, name
):
    path = tmp_path / "data.zip"
    raw = name.encode(code_page)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X" * len(raw) + "/1.png", IMAGE)
    path.write_bytes(path.read_bytes().replace(b"X" * len(raw), raw))
    with pytest.raises(CompressionError) as caught:
        index(path)
    assert caught.value.code == "names_not_utf8"
    assert f"{name}/1.png" in caught.value.message and code_page in caught.value.message
