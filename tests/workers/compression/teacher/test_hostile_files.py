"""Files whose configuration runs code in tf_keras, in its safe mode too; loaded as an upload is."""

import base64
import io
import json
import marshal
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from workers.compression.errors import CompressionError
from workers.compression.teacher import loading


def writes(marker: Path) -> str:
    """The configuration of a model, as a string, whose Lambda creates the file ``marker``."""
    code = compile(f"lambda x: (open({str(marker)!r}, 'w'), x)[1]", "lambda", "eval").co_consts[0]
    function = [base64.b64encode(marshal.dumps(code)).decode(), None, None]
    image = layer("InputLayer", batch_input_shape=[None, 4], dtype="float32", name="in")
    code_layer = layer("Lambda", function=function, function_type="lambda", name="code")
    code_layer["config"] |= {"output_shape": None, "output_shape_type": "raw", "arguments": {}}
    return json.dumps(layer("Sequential", "keras", name="inner", layers=[image, code_layer]))


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "module": module, "config": config, "registered_name": None}


def configuration(marker: Path) -> dict[str, object]:
    """A layer that calls a function of Keras with a model as its constant argument."""
    image = {"batch_input_shape": [None, 8, 8, 3], "name": "image", "dtype": "float32"}
    calls = {
        "class_name": "ClassMethod",
        "module": "keras.layers",
        "config": {
            "name": "calls",
            "cls_symbol": "keras.models.model_from_json",
            "method_name": "__call__",
        },
        "name": "calls",
        "inbound_nodes": [[["_CONSTANT_VALUE", -1, writes(marker), {"kwargs": {}}]]],
    }
    start = {"class_name": "InputLayer", "name": "image", "config": image, "inbound_nodes": []}
    return {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [start, calls],
            "input_layers": [["image", 0, 0]],
            "output_layers": [["calls", 0, 0]],
        },
    }


def keras_file(path: Path, config: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", no_weights())
    return path


def no_weights() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_group("layers")
    return content.getvalue()


def hdf5_file(path: Path, config: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file.create_group("model_weights")
    return path


def zipped_hdf5_file(path: Path, config: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(hdf5_file(path.with_suffix(".h5"), config), "keras_model.h5")
    return path


@pytest.mark.parametrize("write", [keras_file, hdf5_file, zipped_hdf5_file])
def test_a_model_in_a_constant_argument_is_refused_and_does_not_run(tmp_path, write):
    marker = tmp_path / "ran"
    file = write(tmp_path / "model", configuration(marker))
    with pytest.raises(CompressionError) as caught:
        loading.load(file, tmp_path / "loading")
    assert caught.value.code == "lambda_layer"
    assert "\n" not in caught.value.message and "base64" not in caught.value.message
    assert not marker.exists()
