import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from workers.compression.errors import CompressionError
from workers.compression.teacher.files import identify

LAMBDA_CELL = {
    "class_name": "GRUCell",
    "config": {"residual_fn": ["code"], "residual_fn_type": "lambda"},
}


def code_of(path: Path, tmp_path: Path) -> str:
    with pytest.raises(CompressionError) as caught:
        identify(path, tmp_path / "unpacked")
    assert caught.value.hint
    return caught.value.code


def keras_file(path: Path, layer: dict) -> Path:
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [layer]},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return path


def hdf5_file(path: Path, layer: dict | None) -> Path:
    with h5py.File(path, "w") as file:
        file["weights"] = [1.0]
        if layer is not None:
            file.attrs["model_config"] = json.dumps(
                {"class_name": "Sequential", "config": {"layers": [layer]}}
            )
    return path


def test_a_git_lfs_pointer_is_recognized(tmp_path):
    (tmp_path / "m.h5").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"
    )
    assert code_of(tmp_path / "m.h5", tmp_path) == "lfs_pointer"


@pytest.mark.parametrize("content", [b"", b"ok", b"plain text, not a model" * 10])
def test_a_file_that_is_not_a_model_is_refused(tmp_path, content):
    (tmp_path / "m.h5").write_bytes(content)
    assert code_of(tmp_path / "m.h5", tmp_path) == "not_a_model"


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_keras_file_is_recognized(stripe_teacher, tmp_path, share):
    whole = stripe_teacher.read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: int(share * len(whole))])
    assert code_of(tmp_path / "cut.keras", tmp_path) == "truncated_model"


def test_a_truncated_hdf5_file_is_recognized(tmp_path):
    whole = hdf5_file(tmp_path / "m.h5", {"class_name": "Dense", "config": {}}).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    assert code_of(tmp_path / "cut.h5", tmp_path) == "truncated_model"


def test_a_truncated_saved_model_is_recognized(tmp_path):
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("saved/saved_model.pb")
        info.size = 100_000
        archive.addfile(info, io.BytesIO(np.random.default_rng(0).bytes(info.size)))
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:50_000])
    assert code_of(tmp_path / "cut.tar.gz", tmp_path) == "truncated_model"


def test_a_file_with_only_weights_is_recognized(tmp_path):
    assert code_of(hdf5_file(tmp_path / "w.h5", None), tmp_path) == "weights_only"


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ({"class_name": "Lambda", "config": {}}, "lambda_layer"),
        (
            {
                "class_name": "TimeDistributed",
                "config": {"layer": {"class_name": "Lambda", "config": {}}},
            },
            "lambda_layer",
        ),
        (
            {"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda"}]}},
            "lambda_layer",
        ),
        (
            {
                "class_name": "RNN",
                "config": {
                    "cell": {"class_name": "StackedRNNCells", "config": {"cells": [LAMBDA_CELL]}}
                },
            },
            "lambda_layer",
        ),
        ({"class_name": "MyAttention", "config": {}}, "custom_layer"),
        ({"class_name": "Dense", "module": "os", "config": {}}, "custom_layer"),
    ],
)
def test_an_hdf5_file_with_code_is_refused_before_it_is_loaded(tmp_path, layer, code):
    assert code_of(hdf5_file(tmp_path / "m.h5", layer), tmp_path) == code


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "lambda_layer"),
        (
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"activation": {"class_name": "__lambda__"}},
            },
            "lambda_layer",
        ),
        ({"module": "my_package", "class_name": "Attention", "config": {}}, "custom_layer"),
        ({"module": "keras_evil", "class_name": "Dense", "config": {}}, "custom_layer"),
        (
            {"module": None, "class_name": "Attention", "registered_name": "my>Attention"},
            "custom_layer",
        ),
    ],
)
def test_a_keras_file_with_code_is_refused_before_it_is_loaded(tmp_path, layer, code):
    assert code_of(keras_file(tmp_path / "m.keras", layer), tmp_path) == code


def test_the_format_is_recognized_by_content_not_by_name(stripe_teacher, tmp_path):
    (tmp_path / "model.h5").write_bytes(stripe_teacher.read_bytes())
    assert identify(tmp_path / "model.h5", tmp_path / "x")[0] == "keras"
    hdf5_file(tmp_path / "model.keras", {"class_name": "Dense", "config": {}})
    assert identify(tmp_path / "model.keras", tmp_path / "y")[0] == "hdf5"


def test_an_archive_without_a_saved_model_is_refused(zipped, tmp_path):
    assert code_of(zipped({"readme.txt": b"hello"}), tmp_path) == "not_a_model"


def test_a_keras_file_whose_root_is_from_another_module_is_refused(tmp_path):
    config = {"module": "inputs.dataset.data", "class_name": "Sequential", "config": {"layers": []}}
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    assert code_of(tmp_path / "m.keras", tmp_path) == "custom_layer"


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "assets/../../evil"])
def test_a_keras_file_whose_last_entry_leads_outside_is_refused(tmp_path, name):
    path = keras_file(tmp_path / "m.keras", {"class_name": "Dense", "config": {}})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    assert code_of(path, tmp_path) == "unsafe_archive"


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/elsewhere")]
)
def test_weights_behind_a_link_are_refused(tmp_path, link):
    path = hdf5_file(tmp_path / "m.h5", {"class_name": "Dense", "config": {}})
    with h5py.File(path, "a") as file:
        file["link"] = link
    assert code_of(path, tmp_path) == "unsafe_operation"


def test_a_group_with_many_links_to_it_is_checked_once(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file
        for _ in range(60):
            below = group.create_group("a")
            group["b"] = below
            group = below
    assert code_of(tmp_path / "m.h5", tmp_path) == "weights_only"


def test_weights_stored_in_another_file_are_refused(tmp_path):
    path = hdf5_file(tmp_path / "m.h5", {"class_name": "Dense", "config": {}})
    with h5py.File(path, "a") as file:
        file.create_dataset("stolen", (64,), "u1", external=[("/etc/passwd", 0, 64)])
    assert code_of(path, tmp_path) == "unsafe_operation"


@pytest.mark.parametrize("config", ["[]", "{" * 5000, '{"config": ' * 5000 + "0" + "}" * 5000])
def test_a_configuration_that_is_not_a_models_is_refused(tmp_path, config):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"no hdf5")
    assert code_of(tmp_path / "m.keras", tmp_path) == "truncated_model"


@pytest.mark.parametrize(
    ("names", "code", "told"),
    [
        (["model.tflite"], "tflite_model", "cannot be a teacher"),
        (["archive/data.pkl", "archive/version"], "not_a_model", "PyTorch"),
        (["model.json", "group1-shard1of1.bin"], "not_a_model", "TensorFlow.js"),
        (["a.h5", "b.keras"], "not_a_model", "a.h5, b.keras"),
        (["readme.txt"], "not_a_model", "readme.txt"),
    ],
)
def test_an_archive_without_a_teacher_is_told_what_it_holds(tmp_path, names, code, told):
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 100)
    with pytest.raises(CompressionError) as caught:
        identify(tmp_path / "upload.zip", tmp_path / "unpacked")
    assert caught.value.code == code and told in caught.value.message and caught.value.hint


def test_a_tflite_file_is_told_why_it_cannot_teach(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    assert code_of(tmp_path / "model.tflite", tmp_path) == "tflite_model"


def functional(shape, **config):
    entry = {
        "class_name": "InputLayer",
        "name": "in",
        "config": {"name": "in", "batch_shape": shape, **config},
    }
    return {
        "class_name": "Functional",
        "config": {"layers": [entry], "input_layers": [["in", 0, 0]]},
    }


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (functional([None, 20]), "unsupported_input"),
        (functional([None, 1], dtype="string"), "unsupported_input"),
        (functional([None, 32, 32, 4]), "unsupported_input"),
        (functional([None, 3, 32, 32]), "channels_first"),
        (
            {"class_name": "Sequential", "config": [{"class_name": "TextVectorization"}]},
            "unsupported_input",
        ),
        (
            {
                "class_name": "Sequential",
                "config": {
                    "layers": [
                        {"class_name": "Dense", "config": {"batch_input_shape": [None, 784]}}
                    ]
                },
            },
            "unsupported_input",
        ),
    ],
)
def test_a_model_that_takes_no_images_is_refused_before_tensorflow_starts(tmp_path, config, code):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
    script = (
        "import sys; from pathlib import Path; from workers.compression.teacher import files\n"
        "try: files.identify(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except files.CompressionError as error: print(error.code, 'tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "m.h5"), str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.stdout.split() == [code, "False"], done.stderr
