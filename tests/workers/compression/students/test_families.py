"""Every family trains, and becomes files that compute what the network computes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from workers.compression.artifacts import evaluation, export, file_costs, metadata
from workers.compression.recipe import Recipe
from workers.compression.students import costs
from workers.compression.training import fitting, networks, quantization
from workers.compression.values import Split, StudentPlan, TeacherOutputs

SHAPES = {"resnet": (16, 16, 3), "nasnet": (16, 16, 1), "mobilenet": (64, 64, 3)}
IMAGES = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), np.uint8)


def images(shape):
    return np.ascontiguousarray(IMAGES[:, : shape[0], : shape[1], : shape[2]])


def trained_for_a_moment(family):
    """Layers and joint network of a large and a small student, with known ranges; the images; the
    small one's plan.
    """
    shape = SHAPES[family]
    recipe = replace(Recipe.tiny(shape), family=family, epochs=1, shift=0)
    plans = tuple(
        StudentPlan(name, name, family, w, d, shape, 5)
        for name, w, d in (("large", 4, 5), ("small", 3, 4))
    )
    keras.utils.set_random_seed(0)
    layers, network = networks.build(plans)
    joint = fitting.Joint(network, recipe, None)
    split = Split(images(shape), (np.arange(32) % 5).astype(np.int32))
    soft = TeacherOutputs(np.zeros((1, 32, 5), np.float32))
    fitting.fit(joint, recipe.phases[0], split, soft, None, [])
    quantization.calibrate(joint, layers.values(), fitting.Batches(split, soft, 32, 0).sample(1))
    return layers, joint, split, plans[1]


@pytest.fixture(scope="module", params=list(SHAPES))
def student(request):
    """The small student, and what its network answers."""
    layers, joint, split, plan = trained_for_a_moment(request.param)
    quantization.set_mode(layers.values(), "float")
    answers = np.asarray(keras.ops.softmax(joint({"image": split.images}, training=False)["small"]))
    return quantization.quantized(plan, layers["small"], 0.0), answers


@pytest.mark.parametrize("kind", ["float32", "float16", "int8_dynamic", "int8", "int4"])
def test_the_file_answers_as_the_network(student, kind, tmp_path):
    trained, answers = student
    artifact = export.export(trained, kind, tmp_path)
    metadata.describe(artifact.path, [f"class {i}" for i in range(5)])
    scale, tolerance = {"int8": (256, 0.1), "int4": (256, 0.5), "int8_dynamic": (1, 0.05)}.get(
        kind, (1, 2e-3)
    )
    found = evaluation.predict(artifact.path, images(trained.plan.input_shape)) / scale
    assert np.abs(found - answers).max() < tolerance


@pytest.mark.parametrize(("kind", "bits"), [("int8", 8), ("int4", 4)])
def test_the_quantized_graph_and_litert_agree(student, kind, bits, tmp_path):
    trained, _ = student
    shape = trained.plan.input_shape
    artifact = export.export(trained, kind, tmp_path)
    assert (
        np.abs(
            evaluation.predict(artifact.path, images(shape)) / 256 - answers(trained, bits)
        ).max()
        < 0.05
    )


@pytest.mark.parametrize("family", list(SHAPES))
def test_an_int8_file_of_a_student_trained_for_four_bits_answers_as_the_int4_file(family, tmp_path):
    layers, _, split, plan = trained_for_a_moment(family)
    quantization.set_mode(layers.values(), "quantized", 4)
    student = quantization.quantized(plan, layers["small"], 0.0)
    paths = [export.export(student, kind, tmp_path).path for kind in ("int4", "int8")]
    few, many = (evaluation.predict(path, split.images) / 256 for path in paths)
    assert np.abs(few - many).max() < 0.05


def answers(student, bits):
    scaled = tf.constant(np.asarray(fitting.scaled(images(student.plan.input_shape))))
    return np.asarray(tf.nn.softmax(export.Exported(student, bits).logits(scaled)))


@pytest.mark.parametrize("bits", [4, 8])
def test_a_filter_without_weights_keeps_its_bias(bits, tmp_path):
    blank = costs.untrained(StudentPlan("app", "app", "resnet", 4, 2, (16, 16, 3), 5))
    wide = {
        name: replace(unit, low=min(2 * unit.low, 0), high=3.0)
        for name, unit in blank.convolutions.items()
    }
    kernel, bias = wide["stem"].kernel.copy(), wide["stem"].bias.copy()
    kernel[..., :8], bias[:8] = 0.0, 3.0
    wide["stem"] = replace(wide["stem"], kernel=kernel, bias=bias)
    pruned = replace(blank, convolutions=wide, ranges={name: (-3.0, 3.0) for name in blank.ranges})
    path = export.export(pruned, f"int{bits}", tmp_path).path
    found = evaluation.predict(path, images((16, 16, 3))) / 256
    assert np.abs(found - answers(pruned, bits)).max() < 0.02


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_sizes_are_known_before_the_training(student, kind, tmp_path):
    trained, _ = student
    (tmp_path / "blank").mkdir()
    blank = export.export(costs.untrained(trained.plan), kind, tmp_path / "blank")
    artifact = export.export(trained, kind, tmp_path)
    for each in (blank, artifact):
        metadata.describe(each.path, [f"class {i}" for i in range(5)])
    planned, found = (each.path.stat().st_size for each in (blank, artifact))
    assert 0.98 * planned < found <= planned  # ranges that training made equal are written once
    assert costs.counted(trained.plan).macs == file_costs.macs(artifact.path)
    assert costs.parameters(trained.plan) == artifact.parameters


@pytest.mark.parametrize("side", [5, 25, 32, 50])
def test_cells_fit_together_at_any_size(side):
    plan = StudentPlan("app", "app", "nasnet", 4, 4, (side, side, 3), 2)
    networks.build((plan,))
    assert costs.counted(plan).macs > 0
