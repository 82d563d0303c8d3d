"""Every family can be trained, and its files compute what its network computes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.workers.compression.conftest import AS_STORED
from workers.compression.artifacts import export, file_costs, interpreter, metadata
from workers.compression.artifacts.provenance import Provenance
from workers.compression.images import pixels
from workers.compression.recipe import Recipe
from workers.compression.student_values import Artifact, StudentPlan
from workers.compression.students.costs import count_costs, random_student
from workers.compression.training import fitting, networks, quantization
from workers.compression.training.batches import Batches
from workers.compression.values import Split, TeacherLogits

SHAPES = {"resnet": (16, 16, 3), "nasnet": (16, 16, 1), "mobilenet": (64, 64, 3)}
IMAGES = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), np.uint8)
CLASSES = [f"class {number}" for number in range(5)]
ABOUT = metadata.About(
    tuple(CLASSES),
    "Images are resized.",
    Provenance(None, "2026-11-26", "0" * 64, "1" * 64, "0.1.0", None),
)
OUTPUT_SCALES = {"int8": 256, "int4": 256, "int8_dynamic": 1, "float16": 1, "float32": 1}
TOLERANCES = {"int8": 0.1, "int4": 0.5, "int8_dynamic": 0.05, "float16": 2e-3, "float32": 2e-3}


def images(shape):
    return np.ascontiguousarray(IMAGES[:, : shape[0], : shape[1], : shape[2]])


def plan(name, family, width, depth, shape):
    return StudentPlan(name, name, family, width, depth, shape, 5)


def probabilities(path, shape, scale=256):
    return interpreter.predict(path, images(shape), pixels.scale) / scale


def exported(student, quantization_name, folder, keep_grey=False):
    """The file of a student, with metadata."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{quantization_name}.tflite"
    export.export_student(student, quantization_name, path, keep_grey)
    parameters = export.count_parameters(student)
    artifact = Artifact("small", student.plan, quantization_name, path, parameters, 0.0)
    metadata.describe(artifact, ABOUT)
    return artifact


def trained_for_one_epoch(family):
    """The layers and the joint model of two students, the data, and the smaller student's plan."""
    shape = SHAPES[family]
    recipe = replace(Recipe.tiny(shape), family=family, epochs=1, shift=0)
    plans = (plan("large", family, 4, 5, shape), plan("small", family, 3, 4, shape))
    keras.utils.set_random_seed(0)
    students, network = networks.build_students(plans)
    model = fitting.JointModel(network, recipe, AS_STORED)
    split = Split(images(shape), (np.arange(32) % 5).astype(np.int32))
    targets = TeacherLogits(np.zeros((1, 32, 5), np.float32))
    fitting.fit(model, recipe.phases[0], split, targets, None, [])
    batches = Batches(split, targets, 32, 0).first_inputs(1)
    quantization.calibrate(model, students.values(), batches)
    return students, model, split, plans[1]


@pytest.fixture(scope="module", params=list(SHAPES))
def trained_family(request):
    return trained_for_one_epoch(request.param)


@pytest.fixture(scope="module")
def student(trained_family):
    """The smaller student, and the probabilities that its network computes."""
    students, model, split, small = trained_family
    quantization.set_mode(students.values(), "float")
    logits = model({"features": split.features}, training=False)["small"]
    folded = quantization.fold_student(small, students["small"], 0.0)
    return folded, np.asarray(keras.ops.softmax(logits))


@pytest.mark.parametrize("name", list(TOLERANCES))
def test_the_file_answers_like_the_network(student, name, tmp_path):
    trained, expected = student
    path = exported(trained, name, tmp_path).path
    found = probabilities(path, trained.plan.input_shape, OUTPUT_SCALES[name])
    assert np.abs(found - expected).max() < TOLERANCES[name]


@pytest.mark.parametrize(("name", "bits"), [("int8", 8), ("int4", 4)])
def test_the_quantized_graph_and_litert_agree(student, name, bits, tmp_path):
    trained, _ = student
    path = exported(trained, name, tmp_path).path
    found = probabilities(path, trained.plan.input_shape)
    assert np.abs(found - graph_probabilities(trained, bits)).max() < 0.05


def test_weights_trained_at_4_bits_give_the_same_answers_in_the_8_bit_file(
    student, trained_family, tmp_path
):
    """``student`` is folded before its network is set to 4 bits."""
    students, _, _, small = trained_family
    quantization.set_mode(students.values(), "quantized", 4)
    folded = quantization.fold_student(small, students["small"], 0.0)
    paths = [exported(folded, name, tmp_path).path for name in ("int4", "int8")]
    at_4_bits, at_8_bits = (probabilities(path, small.input_shape) for path in paths)
    assert np.abs(at_4_bits - at_8_bits).max() < 0.05


def graph_probabilities(student, bits):
    scaled = tf.constant(pixels.scale(images(student.plan.input_shape).astype(np.float32)))
    return np.asarray(tf.nn.softmax(export.ConstantNetwork(student, bits).logits(scaled)))


@pytest.mark.parametrize("bits", [4, 8])
def test_a_filter_without_weights_keeps_its_bias(bits, tmp_path):
    student = random_student(plan("app", "resnet", 4, 2, (16, 16, 3)))
    wide = {}
    for name, convolution in student.convolutions.items():
        wide[name] = replace(convolution, low=min(2 * convolution.low, 0), high=3.0)
    kernel, bias = wide["stem"].kernel.copy(), wide["stem"].bias.copy()
    kernel[..., :8], bias[:8] = 0.0, 3.0
    wide["stem"] = replace(wide["stem"], kernel=kernel, bias=bias)
    ranges = dict.fromkeys(student.ranges, (-3.0, 3.0))
    pruned = replace(student, convolutions=wide, ranges=ranges)
    found = probabilities(exported(pruned, f"int{bits}", tmp_path).path, (16, 16, 3))
    assert np.abs(found - graph_probabilities(pruned, bits)).max() < 0.02


@pytest.mark.parametrize("name", ["int8", "float32"])
def test_sizes_are_known_before_the_training(student, name, tmp_path):
    trained, _ = student
    untrained = exported(random_student(trained.plan), name, tmp_path / "untrained", True)
    artifact = exported(trained, name, tmp_path / "trained", True)
    planned, found = untrained.path.stat().st_size, artifact.path.stat().st_size
    # Ranges that are equal after the training are written once.
    assert 0.98 * planned < found <= planned
    costs = count_costs(trained.plan)
    assert costs.macs == file_costs.count_macs(artifact.path)
    assert costs.parameters == artifact.parameters


@pytest.mark.parametrize("name", list(TOLERANCES))
def test_a_file_for_grey_images_takes_rgb_and_answers_the_same(name, tmp_path):
    shape = SHAPES["nasnet"]
    student = random_student(plan("app", "nasnet", 3, 4, shape))
    of_rgb = exported(student, name, tmp_path / "rgb").path
    of_grey = exported(student, name, tmp_path / "grey", keep_grey=True).path
    channels = [
        interpreter.describe_tensors(path)["input"]["shape"][-1] for path in (of_rgb, of_grey)
    ]
    assert channels == [3, 1]
    found, expected = (
        probabilities(path, shape, OUTPUT_SCALES[name]) for path in (of_rgb, of_grey)
    )
    # In float16 a third is no exact number.
    assert np.abs(found - expected).max() <= (1e-2 if name == "float16" else 1e-6)
    more = file_costs.count_macs(of_rgb) - file_costs.count_macs(of_grey)
    assert more == 3 * shape[0] * shape[1]


@pytest.mark.parametrize("side", [5, 25, 32, 50])
def test_cells_fit_together_at_any_size(side):
    small = StudentPlan("app", "app", "nasnet", 4, 4, (side, side, 3), 2)
    networks.build_students((small,))
    assert count_costs(small).macs > 0
