"""Keras files whose configuration names code, files, or numbers that no machine has."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from benchmarks.attacks.hostile import READY, Hostile, hostile
from tests.workers.compression.teacher import test_hostile_files as strings
from tests.workers.compression.teacher.test_safety import LAMBDA, calling, layer, model

Writer = Callable[[Path], object]
MARKER = Path("/tmp/l2c-evil.png")
IMAGE = layer("InputLayer", batch_shape=[None, 8, 8, 3], dtype="float32", name="in")
DENSE = layer("Dense", units=3, name="dense")


def network(*layers: Any) -> Any:
    """A model that takes images of 8 x 8 and goes through these layers."""
    return sequential(IMAGE, layer("Flatten", name="flat"), *layers)


def sequential(*layers: Any) -> Any:
    return layer("Sequential", "keras", name="net", layers=list(layers))


def keras(*layers: Any) -> Writer:
    return whole(network(*layers))


def whole(config: Any) -> Writer:
    return lambda path: strings.keras_file(path, config)


def text(config: str | bytes) -> Writer:
    """A .keras file whose configuration is this text."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", config)
            archive.writestr("metadata.json", '{"keras_version": "3.15.0"}')
            archive.writestr("model.weights.h5", strings.no_weights())

    return write


def hdf5(*layers: Any) -> Writer:
    return lambda path: strings.hdf5_file(path, network(*layers))


def function(name: str, module: str = "builtins") -> Any:
    value = {"class_name": "function", "module": module, "config": name, "registered_name": name}
    return layer("Activation", activation=value, name="act")


def pickled(path: Path) -> None:
    """An HDF5 file whose configuration is a pickle."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = b"cos\nsystem\n(S'touch %s'\ntR." % str(MARKER).encode()
        file.create_group("model_weights")


def two_configurations(first: Any, last: Any) -> Writer:
    def write(path: Path) -> None:
        text(json.dumps(first))(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("config.json", json.dumps(last))

    return write


def repeated_keys(first: str, last: str) -> Writer:
    """A layer whose class is named twice; JSON takes the last one."""
    config = json.dumps(network(layer("CLASS", units=3, name="dense")))
    return text(
        config.replace('"class_name": "CLASS"', f'"class_name": "{first}", "class_name": "{last}"')
    )


def nested(depth: int) -> str:
    return '{"config": ' * depth + "0" + "}" * depth


def deep_string(depth: int) -> Any:
    value: Any = LAMBDA
    for _ in range(depth):
        value = json.dumps([value])
    return layer("Dense", name=value)


class System:
    """What pickle calls when it is read."""

    def __reduce__(self) -> Any:
        return (print, ("unpickled",))


CONFIGURATIONS: tuple[Hostile, ...] = (
    hostile("a Lambda with code", "lambda_layer", keras(LAMBDA)),
    hostile("a Lambda in an HDF5 file", "lambda_layer", hdf5(LAMBDA)),
    hostile(
        "a Lambda in TimeDistributed", "lambda_layer", keras(layer("TimeDistributed", layer=LAMBDA))
    ),
    hostile("a Lambda in a model in a model", "lambda_layer", keras(model(model(LAMBDA)))),
    hostile(
        "a lambda as an activation",
        "lambda_layer",
        keras(layer("Dense", activation={"class_name": "__lambda__", "config": {"value": "x"}})),
    ),
    hostile(
        "a lambda in a cell of GRU",
        "lambda_layer",
        keras(layer("RNN", cell=layer("GRUCell", residual_fn="x", residual_fn_type="lambda"))),
    ),
    hostile("a model in a string argument", "lambda_layer", whole(strings.configuration(MARKER))),
    hostile(
        "a model in a string of an HDF5 file",
        "lambda_layer",
        lambda path: strings.hdf5_file(path, strings.configuration(MARKER)),
    ),
    hostile(
        "a model in a string of a zipped HDF5 file",
        "lambda_layer",
        lambda path: strings.zipped_hdf5_file(path, strings.configuration(MARKER)),
    ),
    hostile("a Lambda in 6 strings in strings", "lambda_layer", keras(deep_string(6))),
    hostile(
        "a TensorFlow operation by name",
        "lambda_layer",
        keras(layer("TensorFlowOpLayer", node_def="op: 'ReadFile'")),
    ),
    hostile(
        "a layer that loads a path",
        "lambda_layer",
        keras(layer("TFSMLayer", filepath="/tmp/elsewhere")),
    ),
    hostile(
        "a pickled Torch module",
        "lambda_layer",
        keras(layer("TorchModuleWrapper", module=pickle.dumps(System()).hex())),
    ),
    hostile("a JAX function", "lambda_layer", keras(layer("JaxLayer", call_fn="x"))),
    hostile("a Flax module", "lambda_layer", keras(layer("FlaxLayer", module="x"))),
    hostile(
        "a method by name",
        "lambda_layer",
        keras(layer("ClassMethod", cls_symbol="builtins.exec", method_name="__call__")),
    ),
    hostile("a property by name", "lambda_layer", keras(layer("InstanceProperty"))),
    hostile("builtins.exec as a layer", "custom_layer", keras(layer("exec", "builtins"))),
    hostile("os.system as a layer", "custom_layer", keras(layer("system", "os"))),
    hostile("subprocess.Popen as a layer", "custom_layer", keras(layer("Popen", "subprocess"))),
    hostile("importlib as a layer", "custom_layer", keras(layer("import_module", "importlib"))),
    hostile(
        "a download by get_file",
        "custom_layer",
        keras(layer("get_file", "keras.utils", origin="http://127.0.0.1/x")),
    ),
    hostile(
        "a loader of functions",
        "custom_layer",
        keras(layer("func_load", "keras.src.utils.python_utils")),
    ),
    hostile(
        "the switch for unsafe loading",
        "custom_layer",
        keras(layer("enable_unsafe_deserialization", "keras.config")),
    ),
    hostile("load_model as a layer", "custom_layer", keras(layer("load_model", "keras.saving"))),
    hostile("exec as an activation", "custom_layer", keras(function("exec"))),
    hostile("os.system as an activation", "custom_layer", keras(function("system", "os"))),
    hostile(
        "a registered class of another package",
        "custom_layer",
        keras({**DENSE, "registered_name": "mine>Dense"}),
    ),
    hostile(
        "a class of an uploaded module", "custom_layer", keras(layer("Dense", "inputs.model.model"))
    ),
    hostile(
        "a module with nearly the name of Keras",
        "custom_layer",
        keras(layer("Dense", "keras_evil.layers")),
    ),
    hostile(
        "a type of another module",
        "custom_layer",
        keras({"class_name": "__typespec__", "module": "os", "config": {}}),
    ),
    hostile("a class that is a list", "unsafe_operation", keras(layer(["Dense"]))),
    hostile("a module that is an object", "unsafe_operation", keras(layer("Dense", {"a": 1}))),
    hostile("tf.io.read_file", "unsafe_operation", keras(calling("io.read_file"))),
    hostile("tf.io.write_file", "unsafe_operation", keras(calling("io.write_file"))),
    hostile("tf.py_function", "unsafe_operation", keras(calling("py_function"))),
    hostile("tf.load_op_library", "unsafe_operation", keras(calling("load_op_library"))),
    hostile(
        "a vocabulary from a file (text)",
        "unsupported_input",
        keras(layer("TextVectorization", vocabulary="/etc/passwd")),
    ),
    hostile(
        "a vocabulary from a file (lookup)",
        "unsupported_input",
        keras(layer("StringLookup", vocabulary="/etc/passwd")),
    ),
    hostile(
        "a vocabulary from a file (numbers)",
        "unsupported_input",
        keras(layer("IntegerLookup", vocabulary="/etc/passwd")),
    ),
    hostile(
        "a class named twice, the last is hostile", "lambda_layer", repeated_keys("Dense", "Lambda")
    ),
    hostile(
        "two configurations, the last is hostile",
        "lambda_layer",
        two_configurations(network(DENSE), network(LAMBDA)),
    ),
    hostile(
        "two configurations, the first is hostile",
        f"model_not_loadable {READY}",
        two_configurations(network(LAMBDA), network(DENSE)),
    ),
    hostile("a configuration nested 1,000,000 times", "truncated_model", text(nested(1_000_000))),
    hostile("brackets without end", "truncated_model", text("[" * 10_000_000)),
    hostile("a configuration that is a list", "truncated_model", text("[]")),
    hostile("a configuration that is no UTF-8", "truncated_model", text(b"\xff\xfe{}")),
    hostile("a configuration of 100 MB of spaces", "archive_too_large", text(" " * 10**8)),
    hostile(
        "a number of a million digits",
        "truncated_model",
        text('{"class_name": "Sequential", "config": %s}' % ("9" * 10**6)),
    ),
    hostile(
        "a layer of 10^9 units",
        "model_not_loadable out_of_memory",
        keras(layer("Dense", units=10**9, name="dense")),
    ),
    hostile(
        "a layer of 10^30 units",
        "model_not_loadable",
        keras(layer("Dense", units=10**30, name="dense")),
    ),
    hostile(
        "a layer of -1 units", "model_not_loadable", keras(layer("Dense", units=-1, name="dense"))
    ),
    hostile(
        "a layer of NaN units",
        "model_not_loadable",
        keras(layer("Dense", units=float("nan"), name="dense")),
    ),
    hostile(
        "an image of 10^6 x 10^6",
        "model_not_loadable out_of_memory unsupported_input",
        whole(
            sequential(
                layer("InputLayer", batch_shape=[None, 10**6, 10**6, 3], name="in"),
                layer("GlobalAveragePooling2D", name="pool"),
                DENSE,
            )
        ),
    ),
    hostile(
        "an image of negative size",
        "model_not_loadable unsupported_input",
        whole(sequential(layer("InputLayer", batch_shape=[None, -8, -8, 3], name="in"), DENSE)),
    ),
    hostile(
        "a row repeated 10^9 times",
        "model_not_loadable out_of_memory",
        keras(layer("RepeatVector", n=10**9, name="repeat"), layer("Flatten", name="f2"), DENSE),
    ),
    hostile("a pickle as the configuration", "truncated_model", pickled),
)
