"""What a Keras configuration may name; nothing here is loaded."""

import json
from typing import Any

import keras
import pytest
import tf_keras

from workers.compression.errors import CompressionError
from workers.compression.teacher import keras_classes, safety
from workers.compression.teacher.safety import check_config

LAMBDA = {"class_name": "Lambda", "config": {"function": ["4wEAAA==", None, None]}}
MODEL_IN_A_STRING = json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}})


def layer(class_name: Any, module: Any = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "module": module, "config": config, "registered_name": None}


def model(*layers: Any) -> dict[str, Any]:
    return layer("Sequential", "keras", layers=list(layers))


def refusal(config: Any) -> CompressionError:
    with pytest.raises(CompressionError) as caught:
        check_config(config)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "hostile",
    [
        layer("ClassMethod", cls_symbol="keras.models.model_from_json", method="x"),
        layer("InstanceMethod"),
        layer("InstanceProperty"),
        layer("TensorFlowOpLayer", node_def="op: 'ReadFile'"),
        layer("TFSMLayer", filepath="/elsewhere"),
        layer("Dense", name=MODEL_IN_A_STRING),
        layer("Dense", name=json.dumps([json.dumps([MODEL_IN_A_STRING])])),
        layer("TimeDistributed", layer=layer("TorchModuleWrapper")),
        layer("RNN", cell=layer("GRUCell", residual_fn="x", residual_fn_type="lambda")),
        {"class_name": "__lambda__", "config": {"value": "code"}},
    ],
)
def test_a_layer_that_runs_code_is_refused(hostile: dict[str, Any]) -> None:
    assert refusal(model(layer("Dense"), hostile)).code == "lambda_layer"


@pytest.mark.parametrize(
    "hostile",
    [
        layer("exec", "builtins"),
        layer("get_file", "keras.utils"),
        layer("func_load", "keras.src.utils.python_utils"),
        layer("model_from_json", "keras.models"),
        layer("Dense", "keras.layers.core"),
        layer("Dense", "keras.layersx"),
        layer("Dense", "os"),
        layer("Dense", "kerasx.layers"),
        layer("Map", "keras.src.ops.core"),
        layer("MyAttention", None),
        layer("Lookup>Dense", None),
        {"class_name": "function", "module": "builtins", "config": "exec"},
        {"class_name": "function", "module": "os", "config": "relu"},
        {"class_name": "Dense", "module": None, "registered_name": "mine>Dense", "config": {}},
        {"class_name": "__typespec__", "module": "os", "config": {}},
    ],
)
def test_only_exact_pairs_of_module_and_class_are_allowed(hostile: dict[str, Any]) -> None:
    assert refusal(model(hostile)).code == "custom_layer"


@pytest.mark.parametrize("name", [["Dense"], {"class_name": "Dense"}, 1, None, True])
def test_a_class_that_is_no_string_is_refused(name: Any) -> None:
    assert refusal(model(layer(name))).code == "unsafe_operation"


def calling(function: Any) -> dict[str, Any]:
    return layer("TFOpLambda", "tf_keras.src.layers.core.tf_op_layer", function=function)


@pytest.mark.parametrize(
    "function",
    ["math.truediv", "compat.v1.nn.relu6", "__operators__.getitem", "cast", "keras.backend.clip"],
)
def test_a_layer_may_call_arithmetic_by_name(function: str) -> None:
    check_config(model(calling(function)))


@pytest.mark.parametrize(
    "function",
    [
        "io.read_file",
        "io.write_file",
        "py_function",
        "numpy_function",
        "raw_ops.ReadFile",
        "random.uniform",
        "map_fn",
        "load_op_library",
        "saved_model.load",
        "keras.models.load_model",
        "math.io.read_file",
        "add.read_file",
        "",
        None,
        ["math.add"],
    ],
)
def test_a_layer_that_calls_another_function_is_refused_by_the_functions_name(
    function: Any,
) -> None:
    error = refusal(model(calling(function)))
    assert error.code == "unsafe_operation"
    assert repr(function) in error.message


def test_what_a_model_was_compiled_with_is_not_checked() -> None:
    loss = {"compile_config": {"loss": layer("FocalLoss", "my_project.losses")}}
    check_config(model(model(layer("Dense")) | loss) | loss)


def test_a_configuration_of_very_many_layers_is_refused() -> None:
    layers = [layer("ReLU")] * (safety.MOST_OBJECTS - 1)
    check_config(model(*layers))
    assert refusal(model(*layers, layer("ReLU"))).code == "model_not_loadable"


def test_a_deeply_nested_configuration_is_checked_to_its_end() -> None:
    config: Any = LAMBDA
    for _ in range(5_000):
        config = [config]
    assert refusal(config).code == "lambda_layer"


def layer_classes(library: Any) -> set[str]:
    found = {name for name, value in vars(library.layers).items() if isinstance(value, type)}
    return {name for name in found if not name.startswith("_")}


def test_every_layer_of_the_installed_libraries_is_judged() -> None:
    judged = (
        keras_classes.LAYERS
        | keras_classes.TEXT_LAYERS
        | set(keras_classes.CLASSES_WITH_CODE)
        | {"AbstractRNNCell", "DenseFeatures"}
    )
    assert layer_classes(keras) | layer_classes(tf_keras) <= judged
    of_old_files = {"BatchNormalizationV1", "BatchNormalizationV2", "CuDNNGRU", "CuDNNLSTM"}
    known = (
        layer_classes(keras) | layer_classes(tf_keras) | of_old_files | {"SyncBatchNormalization"}
    )
    assert known >= keras_classes.LAYERS


def test_the_allowed_operations_are_keras_operations() -> None:
    for module, names in keras_classes.ALLOWED.items():
        if module.startswith("ops."):
            operations = vars(__import__(f"keras.src.{module}", fromlist=["_"]))
            wrong = [name for name in names if not issubclass(operations[name], keras.Operation)]
            assert wrong == []
