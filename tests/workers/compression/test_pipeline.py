"""The real pipeline with its tiny recipe, once; the tests look at what it left."""

import hashlib
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

from service.contract.descriptions import DatasetDescription, ModelDescription
from service.contract.report import Report
from tests.workers.compression.conftest import full_spec
from workers.compression import inspection, start
from workers.compression.artifacts import export, file_costs, interpreter, metadata
from workers.compression.images import pixels
from workers.compression.origin import Origin
from workers.compression.recipe import Recipe
from workers.compression.students import families
from workers.compression.training import quantization
from workers.compression.work_folder import PLOTS, VARIANTS

SPEC = full_spec(license="CC-BY-4.0")
ORIGIN = Origin("job_1", "2026-11-26")


class RecordedProgress:
    """A progress callback that remembers its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, stage, fraction, **details):
        self.calls.append((stage, fraction, details))


@pytest.fixture(scope="module")
def compressed(stripe_teacher, stripes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compressed")
    progress, students = RecordedProgress(), []
    fold_student = quantization.fold_student

    def remember(*arguments):
        students.append(fold_student(*arguments))
        return students[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization, "fold_student", remember)
        recipe = replace(Recipe.tiny(), epochs=6)
        report = start.compress(stripe_teacher, stripes, folder, SPEC, progress, recipe, ORIGIN)
    return report, folder, progress, students


def test_three_int8_files_are_smaller_than_the_teacher(compressed):
    report, folder, _, _ = compressed
    names = [row["name"] for row in report["variants"]]
    assert names == ["large", "medium", "small", "teacher-int8"]
    assert report["baseline"]["scaling_accuracies"]["unit"] > 0.8
    sizes = [row["bytes"] for row in report["variants"][:3]]
    assert sizes == sorted(sizes, reverse=True)
    for row in report["variants"]:
        content = (folder / VARIANTS / row["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["bytes"], row["sha256"])
        assert row["quantization"] == "int8"
        assert row["latency_ms"]["p50"] <= row["latency_ms"]["p90"]
        assert row["top1"] <= row["top3"] <= row["top5"]
    assert json.loads(json.dumps(report)) == report


def test_the_report_has_the_form_that_the_contract_promises(compressed):
    report = Report.model_validate(compressed[0])
    sizes = [(row.width, row.depth) for row in report.variants]
    assert sizes == [(6, 3), (4, 3), (2, 3), (None, None)]
    assert [row.family for row in report.variants] == ["resnet"] * 3 + ["teacher"]
    assert report.baseline.top3 == 1.0


def test_the_inspections_have_the_form_that_the_contract_promises(
    stripe_teacher, stripes, tmp_path
):
    model = ModelDescription.model_validate(inspection.model(stripe_teacher, tmp_path))
    assert (model.format, model.macs > 0, model.output.shape) == ("keras", True, [None, 3])
    data = DatasetDescription.model_validate(inspection.dataset(stripes))
    assert data.counts.train == {"blue": 40, "green": 40, "red": 40}
    assert (data.counts.val, data.modes.colour) == (None, 180)
    assert data.image_sizes.most_common[0].model_dump() == {
        "width": 16,
        "height": 16,
        "images": 180,
    }


def test_the_files_take_pixels_and_return_probabilities(compressed):
    report, folder, _, _ = compressed
    for row in report["variants"]:
        opened = Interpreter(str(folder / VARIANTS / row["file"]))
        (feed,), (output,) = opened.get_input_details(), opened.get_output_details()
        assert (feed["dtype"], feed["shape"].tolist()) == (np.uint8, [1, 16, 16, 3])
        assert (output["dtype"], output["shape"].tolist()) == (np.uint8, [1, 3])
        assert feed["quantization"] == pytest.approx((1 / 127.5, 128))
        assert output["quantization"] == pytest.approx((1 / 256, 0))
        types = {detail["dtype"] for detail in opened.get_tensor_details()} - {np.int32}
        assert np.float32 not in types


class ComparedNetwork(export.ConstantNetwork):
    """The quantized graph, in which each operation gets LiteRT's own tensors as its input.

    ``steps`` says by how many quantization steps LiteRT's result differs.
    """

    def __init__(self, student, path, image):
        super().__init__(student, weight_bits=8)
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

    def conv(self, x, spec):
        return self._compare(spec.name, super().conv(x, spec))

    def add(self, x, y, name, *options, **named):
        return self._compare(name, super().add(x, y, name, *options, **named))

    def mean(self, x, name):
        return self._compare(name, super().mean(x, name))

    def _compare(self, name, expected):
        tensor = next(self.outputs)
        scale, zero = self.details[tensor]["quantization"]
        found = (self.interpreter.get_tensor(tensor).astype(np.float32) - zero) * scale
        self.steps[name] = float(np.abs(found - np.asarray(expected)).max() / scale)
        return tf.constant(found)


def operator_outputs(path):
    """The output tensors of the file's convolutions, sums and means, in order."""
    known = schema.BuiltinOperator
    kinds = (known.CONV_2D, known.DEPTHWISE_CONV_2D, known.ADD, known.MEAN)
    operators = file_costs.FileGraph(path).operators()
    return [operator.outputs[0] for operator in operators if operator.code in kinds]


def test_every_operator_of_litert_equals_the_quantized_graph_within_one_step(compressed):
    _, folder, _, students = compressed
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)
    for student in students:
        path = folder / VARIANTS / f"{student.plan.name}.tflite"
        for image in images:
            compared = ComparedNetwork(student, path, image)
            scaled = tf.constant(pixels.scale(image[None].astype(np.float32)))
            families.build_network(compared, scaled, student.plan)
            assert next(compared.outputs, None) is None
            assert max(compared.steps.values()) <= 1.01, compared.steps


def test_litert_answers_like_the_quantized_graph(compressed):
    _, folder, _, students = compressed
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    scaled = tf.constant(pixels.scale(images.astype(np.float32)))
    for student in students:
        expected = np.asarray(tf.nn.softmax(export.ConstantNetwork(student, 8).logits(scaled)))
        path = folder / VARIANTS / f"{student.plan.name}.tflite"
        found = interpreter.predict(path, images, pixels.scale) / 256
        assert np.abs(found - expected).mean() < 0.02
        assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.95


def test_the_metadata_has_the_classes_in_order_and_the_architecture(compressed):
    report, folder, _, _ = compressed
    for row in report["variants"]:
        path = folder / VARIANTS / row["file"]
        assert metadata.read_labels(path) == report["data"]["classes"]
        assert b"TFLITE_METADATA" in path.read_bytes()
    small, teacher = report["variants"][2:]
    content = (folder / VARIANTS / small["file"]).read_bytes()
    assert b"resnet of width 2 and depth 3, input 16x16x3, int8" in content
    content = (folder / VARIANTS / teacher["file"]).read_bytes()
    assert b"teacher, input 16x16x3, int8" in content


def test_the_report_and_each_file_say_where_the_file_comes_from(compressed, stripe_teacher):
    report, folder, _, _ = compressed
    provenance = report["provenance"]
    digest = hashlib.sha256(stripe_teacher.read_bytes()).hexdigest()
    assert (provenance["job"], provenance["teacher_sha256"]) == ("job_1", digest)
    for row in report["variants"]:
        content = (folder / VARIANTS / row["file"]).read_bytes()
        assert f"2026-11-26, job job_1, teacher SHA-256 {digest}".encode() in content
        assert b"CC-BY-4.0" in content and b"bilinear, no antialiasing" in content


def test_only_the_files_of_the_report_are_left(compressed):
    report, folder, _, _ = compressed
    files = {path.name for path in (folder / VARIANTS).iterdir()}
    assert files == {f"{row['name']}.tflite" for row in report["variants"]}


def test_progress_only_grows_and_names_every_stage(compressed):
    calls = compressed[2].calls
    stages = list(dict.fromkeys(stage for stage, *_ in calls))
    assert stages == ["load", "plan", "teach", "train", "quantize", "export", "evaluate"]
    epochs = [details for stage, _, details in calls if stage == "train" and details.get("saved")]
    assert [details["epoch"] for details in epochs] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= value <= 1 for details in epochs for value in details["metrics"].values())


def test_the_time_of_every_later_stage_is_known_from_the_plan_on(compressed):
    found = [details for stage, *_, details in compressed[2].calls if stage == "plan"]
    expected = found[-1]["expected"]
    assert list(expected) == ["teach", "train", "quantize", "export", "evaluate"]
    assert all(0 < seconds < 120 for seconds in expected.values())


def test_the_plots_are_images(compressed):
    png, svg = (compressed[1] / name for name in PLOTS)
    assert Image.open(png).size[0] > 500
    assert "<svg" in svg.read_text()


def test_a_finished_training_is_not_repeated(compressed, stripe_teacher, stripes):
    report, folder, _, _ = compressed
    progress, recipe = RecordedProgress(), replace(Recipe.tiny(), epochs=6)
    again = start.compress(stripe_teacher, stripes, folder, SPEC, progress, recipe, ORIGIN)
    assert not [call for call in progress.calls if call[0] in ("train", "quantize")]
    digests = [[row["sha256"] for row in found["variants"]] for found in (again, report)]
    assert digests[0] == digests[1]


def test_macs_and_memory_are_computed_from_the_file(tmp_path):
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3, padding="same"),
        keras.layers.Flatten(),
        keras.layers.Dense(5),
    ]
    model = keras.Sequential(layers)
    function = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec([1, 8, 8, 3]))
    path = tmp_path / "m.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    assert file_costs.count_macs(path) == 8 * 8 * 4 * 27 + 8 * 8 * 4 * 5
    assert file_costs.peak_tensor_bytes(path) >= 8 * 8 * (3 + 4) * 4
