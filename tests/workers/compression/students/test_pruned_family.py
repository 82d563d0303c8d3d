"""Family ``pruned`` and a teacher that is trained too, through the whole pipeline in tiny form."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from service.contract.report import Report
from tests.workers.compression.conftest import SIDE, full_spec, no_progress, striped
from workers.compression import start
from workers.compression.images import pixels
from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.teacher.channel_importance import sort_channels
from workers.compression.teacher.graph_loading import read_graph, scale_input
from workers.compression.training import networks, transfer

LAYERS = keras.layers
SPEC = full_spec()


def block(x, filters, stride):
    y = LAYERS.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
    y = LAYERS.ReLU()(LAYERS.BatchNormalization()(y))
    y = LAYERS.BatchNormalization()(LAYERS.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    shortcut = LAYERS.Conv2D(filters, 1, stride)(x) if stride > 1 else x
    return LAYERS.ReLU()(LAYERS.Add()([shortcut, y]))


@pytest.fixture(scope="module")
def prunable_teacher(tmp_path_factory):
    """A residual Keras teacher for the stripes, with scaling, padding and pooling inside."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(2)
    labels = np.arange(384) % 3
    images = np.stack([striped(label, rng) for label in labels])
    inputs = keras.Input((SIDE, SIDE, 3))
    x = LAYERS.ZeroPadding2D(1)(LAYERS.Rescaling(1 / 255)(inputs))
    x = LAYERS.ReLU()(LAYERS.BatchNormalization()(LAYERS.Conv2D(16, 3)(x)))
    x = block(block(LAYERS.MaxPooling2D()(x), 16, 1), 32, 2)
    outputs = LAYERS.Dense(3, activation="softmax")(LAYERS.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=10, batch_size=32, verbose=0)
    path = tmp_path_factory.mktemp("prunable") / "teacher.keras"
    model.save(path)
    return path


def test_students_with_fewer_of_the_teachers_channels_are_smaller(
    prunable_teacher, stripes, tmp_path
):
    sizes = (("half", 50, 1), ("third", 33, 1))
    recipe = replace(Recipe.tiny(), family="pruned", students=sizes, rate=1e-2, epochs=3)
    report = start.compress(prunable_teacher, stripes, tmp_path, SPEC, no_progress, recipe)
    half, third, untrained = report["variants"]
    assert [row["family"] for row in report["variants"]] == ["pruned", "pruned", "teacher"]
    assert [row["width"] for row in report["variants"]] == [50, 33, None]
    assert report["baseline"]["macs"] > 3 * half["macs"] > 3 * third["macs"]
    assert third["bytes"] < half["bytes"] < untrained["bytes"] < report["baseline"]["bytes"]
    assert half["top1"] > 0.8


def test_large_images_are_trained_in_smaller_batches():
    batches = []
    for side in (128, 256, 600):
        spec, shape = full_spec(family="pruned"), (side, side, 3)
        recipe = Recipe.derive(spec, 10**6, shape, 50_000)
        batches.append(recipe.batch)
    assert batches == [128, 32, 8]


def test_a_teacher_can_be_trained_with_its_students(prunable_teacher, stripes, tmp_path):
    spec = full_spec(
        quantizations=["int8", "float16"], variants=[{"name": "small", "min_top1": 0.01}]
    )
    recipe = replace(
        Recipe.tiny(),
        teacher_training="joint",
        students=(),
        parameters=2_000,
        quantizations=("int8", "float16"),
        epochs=6,
    )
    report = start.compress(prunable_teacher, stripes, tmp_path, spec, no_progress, recipe)
    int8, float16, _ = Report.model_validate(report).variants
    assert (int8.name, float16.name) == ("small", "small-float16")
    assert int8.budget.model_dump(exclude_none=True) == {
        "requested": {"min_top1": 0.01},
        "kept": True,
        "images": 60,
    }
    assert float16.input.dtype == "float32"
    assert report["recipe"]["teacher_training"] == "joint"


def test_the_rebuilt_teacher_computes_what_the_teacher_computes(prunable_teacher):
    model = keras.saving.load_model(prunable_teacher)
    spec = tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    path = prunable_teacher.with_suffix(".tflite")
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    matrix, offset = np.eye(3, dtype=np.float32) * pixels.STD, np.full(3, pixels.MEAN, np.float32)
    graph = scale_input(sort_channels(read_graph(path)), matrix, offset)
    plan = StudentPlan("teacher", "teacher", "pruned", 100, 1, (SIDE, SIDE, 3), 3, graph=graph)
    layers, network = networks.build_students((plan,))
    images = np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3)).astype(np.float32)
    scaled = pixels.scale(images)
    transfer.load_graph_weights(graph, layers["teacher"], network, [scaled])
    found = keras.ops.softmax(network(scaled, training=False)["teacher"])
    np.testing.assert_allclose(found, model(images, training=False), atol=1e-3)
    in_training = keras.ops.softmax(network(scaled, training=True)["teacher"])
    np.testing.assert_allclose(in_training, found, atol=2e-2)
