"""Family ``teacher`` and a teacher that is trained along, through the whole pipeline in its tiny
form.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.workers.compression.conftest import SIDE, striped
from workers.compression import pipeline
from workers.compression.recipe import Recipe
from workers.compression.teacher import graph as teacher_graph
from workers.compression.training import fitting, networks, transfer
from workers.compression.values import Augmentation, StudentPlan

LAYERS = keras.layers


def no_report(stage, fraction, **details):
    pass


def block(x, filters, stride):
    y = LAYERS.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
    y = LAYERS.ReLU()(LAYERS.BatchNormalization()(y))
    y = LAYERS.BatchNormalization()(LAYERS.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    shortcut = LAYERS.Conv2D(filters, 1, stride)(x) if stride > 1 else x
    return LAYERS.ReLU()(LAYERS.Add()([shortcut, y]))


@pytest.fixture(scope="module")
def prunable_teacher(tmp_path_factory):
    """A residual Keras teacher for the stripes, with a scaling, a padding and a pooling of its own."""
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


def test_cut_channels_make_smaller_students_of_the_teacher(prunable_teacher, stripes, tmp_path):
    recipe = replace(
        Recipe.tiny(),
        family="teacher",
        students=(("half", 50, 1), ("third", 33, 1)),
        rate=1e-2,
        epochs=3,
    )
    report = pipeline.compress(prunable_teacher, stripes, tmp_path, {}, no_report, recipe)
    half, third, untrained = report["variants"]
    assert [row["family"] for row in report["variants"]] == ["teacher"] * 3
    assert report["baseline"]["macs"] > 3 * half["macs"] > 3 * third["macs"]
    assert third["bytes"] < half["bytes"] < untrained["bytes"] < report["baseline"]["bytes"]
    assert half["top1"] > 0.8


def test_large_images_come_in_smaller_batches():
    derived = (
        Recipe.derive(
            {"family": "teacher"}, 10**6, (side, side, 3), 50_000, Augmentation(True, 0.0)
        )
        for side in (128, 256, 600)
    )
    assert [recipe.batch for recipe in derived] == [128, 32, 8]


def test_a_teacher_learns_along(prunable_teacher, stripes, tmp_path):
    recipe = replace(Recipe.tiny(), teacher="joint", students=(("small", 4, 2),), epochs=6)
    report = pipeline.compress(prunable_teacher, stripes, tmp_path, {}, no_report, recipe)
    assert report["variants"][0]["top1"] > 0.6


def test_the_rebuilt_teacher_is_the_teacher(prunable_teacher):
    model = keras.saving.load_model(prunable_teacher)
    import tensorflow as tf

    spec = tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    path = prunable_teacher.with_suffix(".tflite")
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    graph = teacher_graph.by_importance(teacher_graph.read(path))
    graph = teacher_graph.scaled(
        graph, 127.5 * np.eye(3, dtype=np.float32), np.full(3, 128.0, np.float32)
    )
    plan = StudentPlan("teacher", "teacher", "teacher", 100, 1, (SIDE, SIDE, 3), 3, graph=graph)
    layers, network = networks.build((plan,))
    pixels = np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3)).astype(np.float32)
    images = fitting.scaled(pixels)
    transfer.teach(graph, layers["teacher"], network, [images])
    found = keras.ops.softmax(network(images, training=False)["teacher"])
    np.testing.assert_allclose(found, model(pixels, training=False), atol=1e-3)
    in_training = keras.ops.softmax(network(images, training=True)["teacher"])
    np.testing.assert_allclose(in_training, found, atol=2e-2)
