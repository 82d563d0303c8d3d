"""Files that hold half precisions, or names of weights as Windows writes them."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from workers.compression.teacher.files import identify
from workers.compression.teacher.rewriting import in_full_precision

IMAGES = np.random.default_rng(0).random((5, 16, 16, 3), np.float32)


def config_of(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def test_every_form_of_a_half_precision_becomes_float32() -> None:
    half = [
        {"class_name": "Dense", "config": {"dtype": "float16"}},
        {"class_name": "Dense", "config": {"dtype": "mixed_bfloat16"}},
        {"config": {"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}}},
        {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "bfloat16"}},
    ]
    text = json.dumps(in_full_precision(half))
    assert "float16" not in text and text.count("float32") == 4


def test_a_mixed_precision_file_is_loaded_in_full_precision(stripe_teacher, tmp_path):
    own = keras.saving.load_model(stripe_teacher)
    mixed = tmp_path / "mixed.keras"
    with zipfile.ZipFile(stripe_teacher) as source, zipfile.ZipFile(mixed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = content.replace(b'"name": "float32"', b'"name": "mixed_float16"')
                assert b"mixed_float16" in content
            target.writestr(name, content)
    model_format, path = identify(mixed, tmp_path / "work")
    found = keras.saving.load_model(path)
    assert model_format == "keras" and found.compute_dtype == "float32"
    np.testing.assert_allclose(
        found.predict(IMAGES, verbose=0), own.predict(IMAGES, verbose=0), atol=1e-5
    )


def test_weights_that_windows_named_are_found(stripe_teacher, tmp_path):
    windows = tmp_path / "windows.keras"
    with zipfile.ZipFile(stripe_teacher) as source, zipfile.ZipFile(windows, "w") as target:
        for name in source.namelist():
            if name == "model.weights.h5":
                target.writestr(name, with_backslashes(source.read(name), tmp_path))
            else:
                target.writestr(name, source.read(name))
    _, path = identify(windows, tmp_path / "work")
    own, found = keras.saving.load_model(stripe_teacher), keras.saving.load_model(path)
    np.testing.assert_allclose(
        found.predict(IMAGES, verbose=0), own.predict(IMAGES, verbose=0), atol=1e-6
    )


def with_backslashes(weights: bytes, folder: Path) -> bytes:
    """The HDF5 file with ``layers\\conv2d`` for ``layers/conv2d``, as Keras on Windows wrote it."""
    file = folder / "weights.h5"
    file.write_bytes(weights)
    with h5py.File(file, "r+") as opened:
        for name in list(opened["layers"]):
            opened.move(f"layers/{name}", f"layers\\{name}")
        del opened["layers"]
    return file.read_bytes()


def test_an_ordinary_file_is_not_copied(stripe_teacher, tmp_path):
    assert identify(stripe_teacher, tmp_path / "work")[1].is_symlink()
    own = keras.saving.load_model(stripe_teacher)
    own.save(tmp_path / "model.h5")
    assert identify(tmp_path / "model.h5", tmp_path / "work")[1].is_symlink()


def test_a_lone_file_in_an_archive_is_taken_out(stripe_teacher, tmp_path):
    keras.saving.load_model(stripe_teacher).save(tmp_path / "keras_model.h5")
    archive = tmp_path / "converted_keras.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(tmp_path / "keras_model.h5", "keras_model.h5")
        target.writestr("labels.txt", "0 stripes\n")
        target.writestr("__MACOSX/._keras_model.h5", "resource fork")
    model_format, path = identify(archive, tmp_path / "work")
    assert model_format == "hdf5" and h5py.is_hdf5(path)
    shutil.rmtree(tmp_path / "work")
