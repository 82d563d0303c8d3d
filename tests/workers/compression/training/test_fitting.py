from dataclasses import replace
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.workers.compression.conftest import striped
from workers.compression.errors import CompressionError
from workers.compression.images import augmentation, pixels
from workers.compression.recipe import Recipe
from workers.compression.students import planning
from workers.compression.training import feeding, fitting, networks
from workers.compression.training.batches import Batches
from workers.compression.training.branch import Branch
from workers.compression.training.epochs import EpochEnd
from workers.compression.values import Checkpoint, Split, TeacherLogits

RECIPE = Recipe.tiny()
PAIR = replace(RECIPE, students=(("large", 6, 3), ("small", 2, 2)))


def data(count=96):
    """Striped images, and the logits of a teacher that is always right, for two views."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3).astype(np.int32)
    split = Split(np.stack([striped(label, rng) for label in labels]), labels)
    logits = 8.0 * np.eye(3, dtype=np.float32)[labels]
    return split, TeacherLogits(np.stack([logits, logits]))


def joint_model(recipe=RECIPE):
    keras.utils.set_random_seed(0)
    template = planning.plan_template(recipe, 3, None)
    plans = planning.plan_students(recipe, None, template, None)
    students, network = networks.build_students(plans, recipe.sparsity > 0)
    preprocessing = augmentation.preprocessing(mirrored=True, shift=recipe.shift)
    return fitting.JointModel(network, recipe, preprocessing), students


def trained(epochs, recipe=RECIPE, resumed=None):
    model, _ = joint_model(recipe)
    phase = replace(recipe.phases[0], epochs=4)
    split, teacher = data()
    fitting.fit(model, phase, split, teacher, resumed, [Stop(epochs)])
    return model


class Stop(keras.callbacks.Callback):
    """Ends the training after a number of epochs in all."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 >= self.epochs


def test_all_students_learn_in_one_fit():
    top1 = fitting.measure_top1(trained(4), data()[0])
    assert list(top1) == ["large", "medium", "small"]
    assert top1["large"] > 0.6


def test_a_resumed_training_ends_like_one_without_interruption():
    whole = fitting.get_state(trained(4, PAIR))
    half = fitting.get_state(trained(2, PAIR))
    checkpoint = Checkpoint({}, {}, "train", 2, 1.0, {}, half)
    resumed = fitting.get_state(trained(4, PAIR, checkpoint))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(resumed[name], value, rtol=1e-3, atol=1e-4)


def test_a_diverged_training_ends_with_an_error_and_without_a_checkpoint():
    saved: list[int] = []
    callback = EpochEnd(RECIPE.phases[0], lambda *_, **__: None, dict, saved.append)
    with pytest.raises(CompressionError) as caught:
        callback.on_epoch_end(1, {"loss": float("nan")})
    assert (caught.value.code, saved) == ("training_diverged", [])


def test_students_share_layers_up_to_the_first_difference():
    recipe = replace(RECIPE, students=(("large", 8, 6), ("small", 8, 5)))
    _, students = joint_model(recipe)
    large, small = (students[name].convolutions for name in ("large", "small"))
    shared = {name for name in small if small[name] is large[name]}
    assert {"stem", "stage0_block0_a", "stage0_block0_b", "stage1_block0_a"} <= shared
    assert "logits" not in shared and "stage1_block1_a" not in small


def test_two_students_may_be_equal():
    recipe = replace(RECIPE, students=(("large", 4, 3), ("twin", 4, 3)), epochs=1)
    model, students = joint_model(recipe)
    split, teacher = data()
    fitting.fit(model, recipe.phases[0], split, teacher, None, [])
    large, twin = (students[name].convolutions["logits"] for name in ("large", "twin"))
    assert large is not twin


def test_a_quarter_of_a_small_students_gradient_reaches_the_shared_layers():
    gradients = []
    for scale in (Branch.GRADIENT_SCALE, 1.0):
        with mock.patch.object(Branch, "GRADIENT_SCALE", scale):
            model, students = joint_model(PAIR)
            x = pixels.scale(data()[0].features[:8].astype(np.float32))
            with tf.GradientTape() as tape:
                answer = ops.sum(model.network(x, training=False)["small"])
            stem = students["large"].convolutions["stem"]
            assert students["small"].convolutions["stem"] is stem
            kernel = stem.weights_before_mask.value
            gradients.append(np.asarray(tape.gradient(answer, kernel)))
    scaled, whole = gradients
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(scaled, 0.25 * whole, rtol=1e-4, atol=1e-6)


def test_an_epoch_has_the_same_batches_whenever_it_is_run():
    split, teacher = data()
    second_epoch = Batches(split, teacher, 32, seed=5)
    second_epoch.shuffle(1)
    resumed = Batches(split, teacher, 32, seed=5, epoch=1)
    for (x, y), (x2, y2) in zip(second_epoch, resumed, strict=True):
        assert np.array_equal(x["features"], x2["features"])
        assert np.array_equal(y["teacher_logits"], y2["teacher_logits"])


def test_both_views_are_trained_on_with_their_own_logits():
    split, teacher = data()
    teacher.logits[1] += 100.0
    for x, y in Batches(split, teacher, 32, seed=5):
        assert set(x["view"]) == {0, 1}
        assert np.array_equal(y["teacher_logits"].min(1) >= 100.0, x["view"] == 1)


def test_reading_ahead_of_the_training_does_not_start_the_next_epoch():
    split, teacher = data()
    batches = Batches(split, teacher, 32, seed=5)
    dataset = feeding.for_fit(batches)

    def labels():
        return [np.asarray(y["label"]).tolist() for _, y in dataset]

    first = labels()
    assert labels() == first
    batches.shuffle(1)
    assert labels() != first
