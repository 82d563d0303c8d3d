from dataclasses import replace
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.workers.compression.conftest import striped
from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.students import planning
from workers.compression.training import feeding, fitting, networks
from workers.compression.training.epochs import EpochEnd
from workers.compression.training.layers import Branch
from workers.compression.values import Checkpoint, Split, TeacherOutputs

RECIPE = Recipe.tiny()


def data(count=96):
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3).astype(np.int32)
    split = Split(np.stack([striped(label, rng) for label in labels]), labels)
    return split, TeacherOutputs(np.stack([8.0 * np.eye(3, dtype=np.float32)[labels]] * 2))


def joint(recipe=RECIPE):
    keras.utils.set_random_seed(0)
    layers, network = networks.build(
        planning.plan(recipe, None, 3, None, None), recipe.sparsity > 0
    )
    return fitting.Joint(network, recipe, None), layers


def trained(epochs, recipe=RECIPE, saved=None):
    model, _ = joint(recipe)
    fitting.fit(model, replace(recipe.phases[0], epochs=4), *data(), saved, [Stop(epochs)])
    return model


class Stop(keras.callbacks.Callback):
    """Ends the training as a kill would, after so many epochs in all."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 >= self.epochs


def test_all_students_learn_in_one_fit():
    accuracies = fitting.accuracies(trained(4), data()[0])
    assert list(accuracies) == ["large", "medium", "small"]
    assert accuracies["large"] > 0.6


def test_training_goes_on_from_a_checkpoint_as_if_never_stopped():
    pair = replace(RECIPE, students=(("large", 6, 3), ("small", 2, 2)))
    whole = fitting.state(trained(4, pair))
    half = fitting.state(trained(2, pair))
    resumed = fitting.state(trained(4, pair, Checkpoint({}, {}, "train", 2, 1.0, {}, half)))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(resumed[name], value, rtol=1e-3, atol=1e-4)


def test_a_training_that_diverged_ends_with_the_epoch_and_is_not_kept():
    kept = []
    end = EpochEnd(RECIPE.phases[0], lambda *_, **__: None, dict, kept.append)
    with pytest.raises(CompressionError) as caught:
        end.on_epoch_end(1, {"loss": float("nan")})
    assert (caught.value.code, kept) == ("training_diverged", [])


def test_students_are_one_network_up_to_where_they_differ():
    recipe = replace(RECIPE, students=(("large", 8, 6), ("small", 8, 5)))
    _, layers = joint(recipe)
    large, small = (layers[name].convolutions for name in ("large", "small"))
    shared = {name for name in small if small[name] is large[name]}
    assert {"stem", "stage0_block0_a", "stage0_block0_b", "stage1_block0_a"} <= shared
    assert "logits" not in shared and "stage1_block1_a" not in small


def test_two_students_may_be_alike():
    recipe = replace(RECIPE, students=(("large", 4, 3), ("twin", 4, 3)), epochs=1)
    model, layers = joint(recipe)
    fitting.fit(model, recipe.phases[0], *data(), None, [])
    heads = [layers[name].convolutions["logits"] for name in ("large", "twin")]
    assert heads[0] is not heads[1]


def test_a_small_student_pulls_at_the_trunk_with_a_quarter_of_its_gradient():
    recipe = replace(RECIPE, students=(("large", 6, 3), ("small", 2, 2)))
    gradients = []
    for pull in (Branch.PULL, 1.0):
        with mock.patch.object(Branch, "PULL", pull):
            model, students = joint(recipe)
            x = fitting.scaled(data()[0].images[:8])
            with tf.GradientTape() as tape:
                answer = ops.sum(model.network(x, training=False)["small"])
            stem = students["large"].convolutions["stem"]
            assert students["small"].convolutions["stem"] is stem
            gradients.append(np.asarray(tape.gradient(answer, stem.dense.value)))
    weak, whole = gradients
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(weak, 0.25 * whole, rtol=1e-4, atol=1e-6)


def test_an_epoch_has_the_same_batches_whenever_it_runs():
    split, teacher = data()
    walked = fitting.Batches(split, teacher, 32, seed=5)
    walked.begin(1)
    fresh = fitting.Batches(split, teacher, 32, seed=5, epoch=1)
    for (x, y), (x2, y2) in zip(walked, fresh, strict=True):
        assert np.array_equal(x["image"], x2["image"])
        assert np.array_equal(y["teacher"], y2["teacher"])


def test_reading_ahead_of_the_training_does_not_begin_the_next_epoch():
    batches = fitting.Batches(*data(), 32, seed=5)
    fed = feeding.fed(batches)

    def labels():
        return [np.asarray(y["label"]).tolist() for _, y in fed]

    first = labels()
    assert labels() == first
    batches.begin(1)
    assert labels() != first


def test_a_translation_moves_whole_pixels_and_repeats_edges():
    images = np.random.default_rng(0).random((64, 8, 8, 1)).astype(np.float32)
    moved = np.asarray(fitting.translated(images, 2, keras.random.SeedGenerator(0)))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    windows = [
        [padded[i, r : r + 8, c : c + 8] for r in range(5) for c in range(5)] for i in range(64)
    ]
    places = [
        next(n for n, window in enumerate(windows[i]) if np.allclose(window, moved[i]))
        for i in range(64)
    ]
    assert len(set(places)) > 10
