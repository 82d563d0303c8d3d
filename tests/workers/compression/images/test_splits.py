import subprocess
import sys
import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

from service.contract.descriptions import DatasetDescription
from tests.workers.compression.conftest import CLASSES, class_folders, full_spec, png, striped
from workers.compression.errors import CompressionError
from workers.compression.images import class_folders as folders
from workers.compression.images import description, splits
from workers.compression.images.decoding import to_pixels

SHAPE = (16, 16, 3)


def load(path, tmp_path, shape=SHAPE, **spec):
    folder = tmp_path / "scratch"
    folder.mkdir(exist_ok=True)
    return splits.load(path, shape, full_spec(**spec), folder, lambda _: None)


def code_of(path, tmp_path, **spec):
    with pytest.raises(CompressionError) as caught:
        load(path, tmp_path, **spec)
    assert caught.value.hint
    return caught.value.code


def test_given_splits_are_kept_and_validation_is_drawn_from_training(stripes, tmp_path):
    found = load(stripes, tmp_path)
    assert found.classes == CLASSES
    assert len(found.test) == 60
    assert len(found.train) + len(found.val) == 120
    assert np.bincount(found.train.labels).tolist() == [38, 38, 38]


@pytest.mark.parametrize("root", ["", "photos/", "photos/2026/"])
def test_without_splits_only_the_seed_decides(zipped, tmp_path, root):
    path = zipped(class_folders(20, root))
    one, same, other = (load(path, tmp_path, seed=seed).test.features.copy() for seed in (1, 1, 2))
    assert len(one) == 9
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_test_image_is_ever_trained_on(zipped, tmp_path):
    files = class_folders(20, "train/") | class_folders(20, "test/", seed=1)
    files |= {f"train/red/copy{i}.png": files[f"test/red/{i:03d}.png"] for i in range(3)}
    found = load(zipped(files), tmp_path)
    seen = {image.tobytes() for image in [*found.train.features, *found.val.features]}
    assert not seen & {image.tobytes() for image in found.test.features}
    assert sum(found.description["duplicates_dropped"].values()) == 3


def test_validation_that_repeats_the_test_is_drawn_from_training_instead(zipped, tmp_path):
    files = (
        class_folders(20, "train/")
        | class_folders(20, "val/", seed=1)
        | class_folders(20, "test/", seed=1)
    )
    found = load(zipped(files), tmp_path)
    assert (len(found.test), len(found.val), len(found.train)) == (60, 3, 57)


def test_unreadable_images_are_skipped_and_counted_up_to_five_percent(zipped, tmp_path):
    files = class_folders(20)
    path = zipped(
        files | {"red/bad.png": b"not an image", "red/cut.png": files["red/000.png"][:200]}
    )
    description = load(path, tmp_path).description
    assert description["unreadable_count"] == 2
    assert description["unreadable"] == [
        "red/bad.png: it is damaged",
        "red/cut.png: it is damaged",
    ]


def test_more_unreadable_images_are_refused(zipped, tmp_path):
    path = zipped(class_folders(20) | {f"red/bad{i}.png": b"not an image" for i in range(10)})
    assert code_of(path, tmp_path) == "too_many_unreadable"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"red/": b"", **class_folders(10, "")} | {"empty/": b""}, "empty_class"),
        (
            {f"red/{i}.png": png(striped(0, np.random.default_rng(i))) for i in range(20)},
            "one_class",
        ),
        ({"1.png": b"", "2.png": b""}, "no_class_folders"),
        ({"readme.txt": b"hello"}, "no_class_folders"),
        (class_folders(3), "too_few_images"),
        (class_folders(10, "val/") | class_folders(10, "test/"), "no_class_folders"),
        (
            {f"a\nb/{i}.png": b"x" for i in range(9)} | {f"c/{i}.png": b"x" for i in range(9)},
            "unsafe_archive",
        ),
    ],
)
def test_folders_that_are_not_a_dataset_are_refused(zipped, tmp_path, files, code):
    assert code_of(zipped(files), tmp_path) == code


def test_class_names_set_the_order_of_labels(zipped, tmp_path):
    path = zipped(class_folders(20))
    found = load(path, tmp_path, class_names=("red", "blue", "green"))
    red = found.train.features[found.train.labels == 0].mean((0, 1, 2))
    assert found.classes == ("red", "blue", "green")
    assert red.argmax() == 0
    assert code_of(path, tmp_path, class_names=("red", "blue")) == "class_names_mismatch"


def test_a_class_name_may_be_composed_or_decomposed_unicode(zipped, tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    rng = np.random.default_rng(0)
    names = (decomposed, "tea")
    path = zipped(
        {
            f"{name}/{i}.png": png(rng.integers(0, 255, SHAPE, np.uint8))
            for name in names
            for i in range(12)
        }
    )
    for name in (composed, decomposed):
        assert load(path, tmp_path, class_names=("tea", name)).classes == ("tea", composed)


def test_numbered_classes_are_sorted_as_numbers(zipped, tmp_path):
    names = ["10", "2", "1"]
    rng = np.random.default_rng(0)
    files = {
        f"{name}/{i}.png": png(rng.integers(0, 255, SHAPE, np.uint8))
        for name in names
        for i in range(12)
    }
    assert load(zipped(files), tmp_path).classes == ("1", "2", "10")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_of_image_gets_the_requested_shape(tmp_path, mode, channels):
    image = Image.fromarray(striped(0, np.random.default_rng(0))).resize((31, 50)).convert(mode)
    pixels = to_pixels(image, (20, 24, channels))
    assert pixels.shape == (20, 24, channels)
    assert pixels.dtype == np.uint8


def test_a_description_has_classes_counts_sizes_and_unreadable_files(zipped):
    found = description.describe(
        zipped(
            class_folders(20, "train/") | class_folders(5, "test/") | {"train/red/bad.png": b"no"}
        )
    )
    assert found["classes"] == list(CLASSES)
    assert found["counts"]["train"] == {"blue": 20, "green": 20, "red": 20}
    assert found["image_sizes"]["width"] == {"least": 16, "median": 16, "most": 16}
    assert found["unreadable"] == ["train/red/bad.png: it is damaged"]
    assert DatasetDescription.model_validate(found).images == 75


def test_an_image_beside_the_splits_is_ignored(zipped):
    files = class_folders(10, "train/") | class_folders(5, "test/")
    stray = png(striped(0, np.random.default_rng(9)))
    found = description.describe(zipped(files | {"docs/preview.png": stray, "cover.png": stray}))
    assert found["classes"] == list(CLASSES)
    assert found["ignored_files"] == 2


@pytest.mark.parametrize("name", ["photos/cover.png", "cover.png"])
def test_an_image_above_the_class_folders_is_ignored(zipped, name):
    stray = png(striped(0, np.random.default_rng(9)))
    found = description.describe(zipped(class_folders(10, "photos/") | {name: stray}))
    assert found["classes"] == list(CLASSES)
    assert found["ignored_files"] == 1


def test_two_images_with_the_same_path_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive, pytest.warns(UserWarning):
        for _ in range(2):
            for name, content in class_folders(10).items():
                archive.writestr(name, content)
    assert code_of(tmp_path / "twice.zip", tmp_path) == "unsafe_archive"


def test_sixteen_bit_grey_keeps_its_levels():
    levels = np.array([[0, 10_000, 20_000, 40_000, 65_535]], np.uint16)
    assert to_pixels(Image.fromarray(levels), (1, 5, 1)).ravel().tolist() == [0, 39, 78, 156, 255]


def test_a_full_disk_is_an_error_at_once(tmp_path):
    script = """
import pathlib, resource, signal, sys
import numpy as np
from workers.compression.disk_arrays import allocate
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
allocate(pathlib.Path(sys.argv[1]), np.uint8, (100_000, 16, 16, 3))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OSError: [Errno 27]" in done.stderr


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (1, 8, 3)])
def test_students_get_the_same_images_at_their_size(zipped, tmp_path, shape):
    path, teacher_shape = zipped(class_folders(12)), (16, 16, shape[2])
    of_teacher, of_students = splits.load_both(
        path, teacher_shape, shape, full_spec(), tmp_path, lambda _: None
    )
    assert of_students.train.features.shape == (len(of_teacher.train), *shape)
    assert np.array_equal(of_students.test.labels, of_teacher.test.labels)
    for small, large in zip(of_students.test.features, of_teacher.test.features, strict=True):
        mode = "L" if shape[2] == 1 else "RGB"
        assert np.array_equal(to_pixels(Image.fromarray(large.squeeze(), mode), shape), small)


def test_more_classes_than_allowed_are_refused(zipped, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_CLASSES", 2)
    assert code_of(zipped(class_folders(12)), tmp_path) == "too_many_classes"


def test_a_description_that_is_too_long_is_refused(zipped, tmp_path, monkeypatch):
    monkeypatch.setattr(description, "MAX_DESCRIPTION_BYTES", 200)
    path = zipped(class_folders(12))
    assert code_of(path, tmp_path) == "too_many_classes"
    with pytest.raises(CompressionError, match="bytes"):
        description.describe(path)


def test_images_that_are_left_out_lead_to_warnings(zipped, tmp_path):
    files = class_folders(20, "train/") | class_folders(20, "test/", seed=1)
    files["train/red/copy.png"] = files["test/red/000.png"]
    files["train/red/bad.png"] = b"not an image"
    files |= {f"notes/{number}.txt": b"note" for number in range(10)}
    duplicates, unreadable, ignored = load(zipped(files), tmp_path).warnings
    assert "1 images are copies" in duplicates
    assert "could not be read and were left out: 1, e.g. train/red/bad.png" in unreadable
    assert "10 files" in ignored


def test_copies_of_an_image_stay_in_one_split_and_most_contents_are_trained_on(zipped, tmp_path):
    files = class_folders(30)
    originals = {path: image for path, image in files.items() if path.startswith("red/")}
    for path, image in originals.items():
        files |= {path.replace(".png", f"_{number}.png"): image for number in range(7)}
    found = load(zipped(files), tmp_path)
    label = found.classes.index("red")
    contents = []
    for split in (found.train, found.val, found.test):
        contents.append({image.tobytes() for image in split.features[split.labels == label]})
    train, val, test = contents
    assert not train & test and not train & val and not val & test
    assert 20 <= len(train) <= 25
    assert found.description["duplicates_dropped"] == {"train": 0, "val": 0}


def test_images_in_two_class_folders_are_told_with_their_number_and_an_example(zipped, tmp_path):
    files = class_folders(20)
    files |= {f"green/again{n}.png": files[f"red/{n:03d}.png"] for n in range(3)}
    path = zipped(files)
    (warning,) = [text for text in load(path, tmp_path).warnings if "two class folders" in text]
    assert warning.startswith("3 images lie") and "red/000.png" in warning
    described = description.describe(path)
    assert described["in_two_classes"] == 3
    assert "red/000.png" in described["in_two_classes_example"]


@pytest.mark.parametrize(("prefix", "enough"), [("", 7), ("train/", 5)])
def test_all_classes_that_are_too_small_are_named_at_inspection(zipped, prefix, enough):
    with pytest.raises(CompressionError) as caught:
        description.describe(zipped(class_folders(enough - 1, prefix)))
    assert caught.value.code == "too_few_images"
    assert all(f"'{name}' {enough - 1}" in caught.value.message for name in CLASSES)
    description.describe(zipped(class_folders(enough, prefix), "enough.zip"))
