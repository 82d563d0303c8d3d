"""The real pipeline in its tiny form, once; then what it left is looked at from every side."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

from workers.compression import pipeline
from workers.compression.artifacts import evaluation, export, file_costs, metadata
from workers.compression.recipe import Recipe
from workers.compression.students import families
from workers.compression.training import fitting, quantization


class Told:
    """A report that remembers."""

    def __init__(self):
        self.lines = []

    def __call__(self, stage, fraction, **details):
        self.lines.append((stage, fraction, details))


@pytest.fixture(scope="module")
def compressed(stripe_teacher, stripes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compressed")
    told, students = Told(), []
    kept = quantization.quantized

    def keep(*arguments):
        students.append(kept(*arguments))
        return students[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization, "quantized", keep)
        report = pipeline.compress(
            stripe_teacher, stripes, folder, {}, told, replace(Recipe.tiny(), epochs=6)
        )
    return report, folder, told, students


def test_three_int8_files_come_out_smaller_than_the_teacher(compressed):
    report, folder, _, _ = compressed
    assert [row["name"] for row in report["variants"]] == [
        "large",
        "medium",
        "small",
        "teacher-int8",
    ]
    assert report["baseline"]["scaling_accuracies"]["unit"] > 0.8
    sizes = [row["bytes"] for row in report["variants"][:3]]
    assert sizes == sorted(sizes, reverse=True)
    for row in report["variants"]:
        content = (folder / "variants" / row["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["bytes"], row["sha256"])
        assert row["quantization"] == "int8"
        assert row["latency_ms"]["p50"] <= row["latency_ms"]["p90"]
    assert json.loads(json.dumps(report)) == report


def test_the_files_take_pixels_and_return_probabilities(compressed):
    report, folder, _, _ = compressed
    for row in report["variants"]:
        interpreter = Interpreter(str(folder / "variants" / row["file"]))
        (feed,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
        assert (feed["dtype"], feed["shape"].tolist()) == (np.uint8, [1, 16, 16, 3])
        assert (output["dtype"], output["shape"].tolist()) == (np.uint8, [1, 3])
        assert feed["quantization"] == pytest.approx((1 / 127.5, 128))
        assert output["quantization"] == pytest.approx((1 / 256, 0))
        types = {detail["dtype"] for detail in interpreter.get_tensor_details()} - {np.int32}
        assert np.float32 not in types


class Followed(export.Exported):
    """The quantized graph, each operator fed with LiteRT's own tensors; ``steps`` is how far
    LiteRT's result is off.
    """

    def __init__(self, student, path, image):
        super().__init__(student, bits=8)
        self.interpreter = Interpreter(
            str(path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], image[None])
        self.interpreter.invoke()
        self.details = {detail["index"]: detail for detail in self.interpreter.get_tensor_details()}
        self.outputs = iter(operator_outputs(path))
        self.steps = {}

    def unit(self, x, unit):
        return self._compared(unit.name, super().unit(x, unit))

    def add(self, x, y, name, *options, **named):
        return self._compared(name, super().add(x, y, name, *options, **named))

    def mean(self, x, name):
        return self._compared(name, super().mean(x, name))

    def _compared(self, name, expected):
        tensor = next(self.outputs)
        scale, zero = self.details[tensor]["quantization"]
        found = (self.interpreter.get_tensor(tensor).astype(np.float32) - zero) * scale
        self.steps[name] = float(np.abs(found - np.asarray(expected)).max() / scale)
        return tf.constant(found)


def operator_outputs(path):
    """The output tensors of the file's convolutions, sums and means, in order."""
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(i).BuiltinCode() for i in range(model.OperatorCodesLength())]
    known = schema.BuiltinOperator
    kinds = (known.CONV_2D, known.DEPTHWISE_CONV_2D, known.ADD, known.MEAN)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    return [op.Outputs(0) for op in operators if codes[op.OpcodeIndex()] in kinds]


def test_every_operator_of_litert_equals_the_quantized_graph_within_one_step(compressed):
    _, folder, _, students = compressed
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)
    for student in students:
        path = folder / "variants" / student.plan.file("int8")
        for image in images:
            followed = Followed(student, path, image)
            families.network(
                followed, tf.constant(np.asarray(fitting.scaled(image[None]))), student.plan
            )
            assert next(followed.outputs, None) is None
            assert max(followed.steps.values()) <= 1.01, followed.steps


def test_litert_answers_as_the_quantized_graph(compressed):
    _, folder, _, students = compressed
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    scaled = tf.constant(np.asarray(fitting.scaled(images)))
    for student in students:
        expected = np.asarray(tf.nn.softmax(export.Exported(student, 8).logits(scaled)))
        found = evaluation.predict(folder / "variants" / student.plan.file("int8"), images) / 256
        assert np.abs(found - expected).mean() < 0.02
        assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.95


def test_the_metadata_names_the_classes_in_order(compressed):
    report, folder, _, _ = compressed
    for row in report["variants"]:
        assert metadata.labels(folder / "variants" / row["file"]) == report["data"]["classes"]
        assert b"TFLITE_METADATA" in (folder / "variants" / row["file"]).read_bytes()


def test_progress_only_grows_and_names_every_stage(compressed):
    told = compressed[2].lines
    assert list(dict.fromkeys(stage for stage, *_ in told)) == [
        "load",
        "plan",
        "teach",
        "train",
        "quantize",
        "export",
        "evaluate",
    ]
    epochs = [details for stage, _, details in told if stage == "train" and details.get("saved")]
    assert [details["epoch"] for details in epochs] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= value <= 1 for details in epochs for value in details["metrics"].values())


def test_the_plot_is_a_picture(compressed):
    folder = compressed[1]
    assert Image.open(folder / "accuracy_over_bytes.png").size[0] > 500
    assert "<svg" in (folder / "accuracy_over_bytes.svg").read_text()


def test_a_finished_training_is_not_repeated(compressed, stripe_teacher, stripes):
    report, folder, _, _ = compressed
    told = Told()
    again = pipeline.compress(
        stripe_teacher, stripes, folder, {}, told, replace(Recipe.tiny(), epochs=6)
    )
    assert not [line for line in told.lines if line[0] in ("train", "quantize")]
    assert [row["sha256"] for row in again["variants"]] == [
        row["sha256"] for row in report["variants"]
    ]


def test_macs_and_memory_are_read_from_the_file(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    function = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec([1, 8, 8, 3]))
    path = tmp_path / "m.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    assert file_costs.macs(path) == 8 * 8 * 4 * 27 + 8 * 8 * 4 * 5
    assert file_costs.peak_tensor_bytes(path) >= 8 * 8 * (3 + 4) * 4


def test_the_child_refuses_with_a_typed_line_and_status_two(stripes, tmp_path):
    (tmp_path / "model.h5").write_bytes(b"ok")
    task = {"kind": "compression", "model": "model.h5", "dataset": str(stripes), "spec": {}}
    (tmp_path / "task.json").write_text(json.dumps(task))
    command = [sys.executable, "-m", "workers.compression", "work", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 2
    assert (last["type"], last["code"]) == ("error", "not_a_model")
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "report.json").exists()
