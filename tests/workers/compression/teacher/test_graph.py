"""The graph read from a .tflite computes what LiteRT computes, also with sorted channels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.workers.compression.teacher.reference_graph import answers, logits
from workers.compression.errors import CompressionError
from workers.compression.graph import Node, TeacherGraph
from workers.compression.teacher import loading
from workers.compression.teacher.channel_importance import sort_channels
from workers.compression.teacher.graph_loading import read_graph, scale_input, with_two_classes

TEACHERS = Path(__file__).parents[5] / "shared/data/teachers"


def tflite_of(model: keras.Model, folder: Path) -> Path:
    """The model converted like in freezing.py, with no variable at its initial value."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("bias", "gamma", "beta", "moving_mean", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    spec = tf.TensorSpec((1, *model.input_shape[1:]), model.inputs[0].dtype)
    function = tf.function(lambda image: model(image, training=False)).get_concrete_function(spec)
    (folder / "teacher.tflite").write_bytes(
        tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    )
    return folder / "teacher.tflite"


def assert_equal(
    graph: TeacherGraph, tflite: Path, scale: float = 1, scores: Callable = tf.nn.softmax
) -> None:
    images = (
        np.round(np.random.default_rng(1).random((4, *graph.input_shape), np.float32) * 255)
        * scale
        / 255
    )
    expected = answers(tflite, images)
    ordered = sort_channels(graph)
    np.testing.assert_allclose(scores(logits(graph, images)), expected, atol=1e-4)
    np.testing.assert_allclose(logits(ordered, images), logits(graph, images), atol=1e-4, rtol=1e-4)
    assert ordered.groups == graph.groups


def normalized(x, activation: str | None = None):
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def residual():
    image = keras.Input((16, 16, 3))
    x = normalized(layers.Conv2D(8, 3, padding="same", use_bias=False)(image), "relu")
    y = normalized(layers.Conv2D(12, 3, padding="same", use_bias=False)(x), "relu")
    x = layers.ReLU()(layers.Add()([x, normalized(layers.Conv2D(8, 3, padding="same")(y))]))
    y = normalized(layers.Conv2D(20, 3, strides=2, padding="same")(x), "relu")
    y = normalized(layers.Conv2D(16, 3, padding="same")(y))
    x = layers.ReLU()(layers.Add()([normalized(layers.Conv2D(16, 1, strides=2)(x)), y]))
    return keras.Model(
        image, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    )


def inverted():
    image = keras.Input((16, 16, 3))
    x = layers.ZeroPadding2D(1)(image)
    x = normalized(layers.Conv2D(8, 3, strides=2, use_bias=False)(x), "relu6")
    y = normalized(layers.Conv2D(24, 1, use_bias=False)(x), "relu6")
    y = normalized(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y), "relu6")
    x = layers.Add()([x, normalized(layers.Conv2D(8, 1, use_bias=False)(y))])
    y = normalized(layers.Conv2D(32, 1)(x), "relu6")
    y = normalized(
        layers.DepthwiseConv2D(3, strides=2)(layers.ZeroPadding2D(((1, 0), (1, 1)))(y)), "relu6"
    )
    x = layers.GlobalAveragePooling2D(keepdims=True)(normalized(layers.Conv2D(10, 1)(y)))
    return keras.Model(
        image, layers.Activation("sigmoid")(layers.Flatten()(layers.Conv2D(4, 1)(x)))
    )


def lenet():
    return keras.Sequential(
        [
            keras.Input((14, 14)),
            layers.Reshape((14, 14, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(9, 3, activation="relu"),
            layers.AveragePooling2D(2, strides=1, padding="same"),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dense(11, use_bias=False),
            layers.ReLU(6.0),
            layers.Dense(10),
        ]
    )


def scaled_inside():
    image = keras.Input((16, 16, 3), dtype="uint8")
    x = layers.Normalization(mean=(0.4, 0.5, 0.6), variance=(0.04, 0.05, 0.06))(
        layers.Rescaling(1 / 255)(image)
    )
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def preactivated():
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same")(image)
    for width in (12, 10):
        y = layers.Conv2D(width, 3, padding="same")(normalized(x, "relu"))
        x = layers.Add()([x, layers.Conv2D(8, 3, padding="same")(normalized(y, "relu"))])
    return keras.Model(
        image, layers.Dense(5)(layers.GlobalAveragePooling2D()(normalized(x, "relu")))
    )


@pytest.fixture(scope="module")
def residual_file(tmp_path_factory) -> Path:
    keras.utils.set_random_seed(0)
    return tflite_of(residual(), tmp_path_factory.mktemp("residual"))


def test_a_residual_network_computes_the_same_and_its_additions_share_groups(residual_file):
    graph = read_graph(residual_file)
    assert_equal(graph, residual_file)
    assert graph.input_shape == (16, 16, 3)
    assert sorted(graph.groups.values()) == [8, 12, 16, 20]
    assert [node.kind for node in graph.nodes].count("add") == 2
    assert graph.nodes[-1].group is None


def test_depthwise_convolutions_of_an_inverted_residual_keep_the_group_of_their_input(tmp_path):
    tflite = tflite_of(inverted(), tmp_path)
    graph = read_graph(tflite)
    assert_equal(graph, tflite, scores=tf.nn.sigmoid)
    assert sorted(graph.groups.values()) == [8, 10, 24, 32]
    assert {node.activation for node in graph.nodes} == {None, "relu6"}
    assert [node.pads for node in graph.nodes if node.kind == "pad"] == [
        ((1, 1), (1, 1)),
        ((1, 0), (1, 1)),
    ]


def test_dense_layers_after_flatten_are_convolutions_over_the_whole_map(tmp_path):
    tflite = tflite_of(lenet(), tmp_path)
    graph = read_graph(tflite)
    assert_equal(graph, tflite, scores=tf.identity)
    assert graph.input_shape == (14, 14, 1)
    dense = [node.kernel.shape for node in graph.nodes if node.kind == "conv"][2:]
    assert dense == [(4, 4, 9, 20), (1, 1, 20, 11), (1, 1, 11, 10)]
    assert sorted(graph.groups.values()) == [6, 9, 11, 20]


def test_scaling_inside_the_network_is_one_node_before_it(tmp_path):
    tflite = tflite_of(scaled_inside(), tmp_path)
    graph = read_graph(tflite)
    assert_equal(graph, tflite, scale=255, scores=tf.identity)
    assert [node.kind for node in graph.nodes] == ["depthwise", "conv", "mean", "conv"]
    assert graph.nodes[0].group is None


def test_batch_norm_before_a_convolution_stays_a_node_of_its_own(tmp_path):
    tflite = tflite_of(preactivated(), tmp_path)
    graph = read_graph(tflite)
    assert_equal(graph, tflite, scores=tf.identity)
    assert sorted(graph.groups.values()) == [8, 10, 12]
    assert [node.activation for node in graph.nodes if node.kind == "depthwise"] == ["relu"] * 3


def written(graph: TeacherGraph, factors: dict[str | None, np.ndarray]) -> TeacherGraph:
    """The graph with the output of its convolutions multiplied, by group and channel."""

    def scaled(node: Node) -> Node:
        factor = factors.get(node.group, np.ones(1)).astype(np.float32)
        return (
            replace(node, kernel=node.kernel * factor, bias=node.bias * factor)
            if node.kind == "conv"
            else node
        )

    return replace(graph, nodes=tuple(map(scaled, graph.nodes)))


def test_the_first_channels_matter_most(residual_file):
    rng = np.random.default_rng(2)
    images = rng.random((8, 16, 16, 3), np.float32)
    graph = read_graph(residual_file)
    factors = {
        group: rng.permutation(np.repeat([1, 0.02], n // 2)) for group, n in graph.groups.items()
    }
    ordered = sort_channels(written(graph, factors))
    whole = logits(ordered, images)
    leading = logits(ordered, images, lambda channels: np.arange(channels) < channels / 2)
    trailing = logits(ordered, images, lambda channels: np.arange(channels) >= channels / 2)
    assert 10 * np.abs(leading - whole).mean() < np.abs(trailing - whole).mean()


def test_channels_that_are_not_written_or_not_read_come_last(residual_file):
    graph = read_graph(residual_file)
    writer, reader = graph.nodes[1], graph.nodes[5]
    dead = written(graph, {writer.group: np.isin(np.arange(12), [0, 3, 7], invert=True)})
    unread = replace(
        reader, kernel=reader.kernel * np.isin(np.arange(20), [1, 4], invert=True)[:, None]
    )
    ordered = sort_channels(replace(dead, nodes=(*dead.nodes[:5], unread, *dead.nodes[6:]))).nodes
    assert np.flatnonzero(~ordered[1].kernel.any((0, 1, 2))).tolist() == [9, 10, 11]
    assert np.flatnonzero(~ordered[5].kernel.any((0, 1, 3))).tolist() == [18, 19]


@pytest.mark.parametrize("build", [residual, scaled_inside])
def test_images_of_another_scale_and_channel_order_become_the_teachers_input(build, tmp_path):
    images = np.random.default_rng(3).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    graph = read_graph(tflite_of(build(), tmp_path))
    turned = scale_input(graph, np.eye(3)[::-1] * 0.5, np.array([0.5, 0.6, 0.7]))
    own = images[..., ::-1] * 0.5 + np.float32([0.5, 0.6, 0.7])
    np.testing.assert_allclose(logits(turned, images), logits(graph, own), atol=1e-5)
    assert sorted(turned.groups.values()) == sorted(graph.groups.values())
    assert len({node.name for node in turned.nodes}) == len(turned.nodes)


@pytest.mark.parametrize(
    "score",
    [
        lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(1, 1)(x)),
        lambda x: layers.Dense(1)(layers.GlobalAveragePooling2D()(x)),
    ],
    ids=["pooled", "dense"],
)
def test_a_single_score_becomes_the_second_of_two(score, tmp_path):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Activation("sigmoid")(score(layers.Conv2D(4, 3)(image))))
    graph = with_two_classes(read_graph(tflite_of(model, tmp_path)))
    images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    first, second = logits(graph, images).T
    np.testing.assert_array_equal(first, 0.0)
    np.testing.assert_allclose(
        tf.nn.sigmoid(second), model.predict(images, verbose=0)[:, 0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("operator", "block"),
    [
        ("CONCATENATION", lambda x: layers.Concatenate()([x, layers.Conv2D(4, 1)(x)])),
        ("LOGISTIC", layers.Activation("swish")),
        ("LEAKY_RELU", layers.LeakyReLU()),
        (
            "MUL of two",
            lambda x: layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
        ),
        ("CONV_2D with dilation", layers.Conv2D(4, 3, dilation_rate=2)),
        ("TANH", layers.Conv2D(4, 3, activation="tanh")),
        ("DEPTHWISE_CONV_2D with a multiplier", layers.DepthwiseConv2D(3, depth_multiplier=2)),
        ("RESHAPE", layers.Reshape((4, 16, 8))),
    ],
)
def test_an_operator_whose_channels_cannot_be_removed_is_refused_by_name(operator, block, tmp_path):
    image = keras.Input((8, 8, 3))
    x = block(layers.Conv2D(8, 3, padding="same")(image))
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    with pytest.raises(CompressionError, match=operator) as caught:
        read_graph(tflite_of(model, tmp_path))
    assert caught.value.code == "teacher_not_prunable"
    assert "another family" in caught.value.hint


@pytest.mark.skipif(not TEACHERS.exists(), reason="the published teachers are not here")
def test_a_published_teacher_is_read(tmp_path):
    tflite = loading.load(TEACHERS / "cifar10-resnet32/resnet.h5", tmp_path).tflite
    graph = read_graph(tflite)
    assert_equal(graph, tflite)
    assert sorted(graph.groups.values()) == [16] * 6 + [32] * 6 + [64] * 6
