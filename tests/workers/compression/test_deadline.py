"""A job with max_minutes, through the engine."""

from dataclasses import replace

import keras
import pytest

from tests.workers.compression.conftest import full_spec, no_progress
from tests.workers.compression.training.test_fitting import PAIR, data, joint_model
from workers.compression import recipe as recipes
from workers.compression import start
from workers.compression.deadline import Deadline
from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe
from workers.compression.training import fitting, joint_training
from workers.compression.training.epochs import StopInTime

PLENTY = full_spec(max_minutes=30)
ONE_STUDENT = replace(Recipe.tiny(), students=(("only", 4, 3),))


def test_with_time_for_more_it_trains_as_long_as_the_highest_effort(
    stripe_teacher, stripes, tmp_path, monkeypatch
):
    monkeypatch.setitem(recipes.EPOCH_BOUNDS, "thorough", (1, 5))
    report = start.compress(stripe_teacher, stripes, tmp_path, PLENTY, no_progress, ONE_STUDENT)
    assert (ONE_STUDENT.epochs, report["recipe"]["epochs"]) == (2, 5)
    # A job that is continued keeps what was decided, although its time is over.
    monkeypatch.setitem(recipes.EPOCH_BOUNDS, "thorough", (1, 9))
    again = start.compress(
        stripe_teacher, stripes, tmp_path, PLENTY, no_progress, ONE_STUDENT, elapsed=3600.0
    )
    assert again["recipe"]["epochs"] == 5
    assert again["variants"][0]["sha256"] == report["variants"][0]["sha256"]


def test_without_time_it_is_refused_before_the_training(stripe_teacher, stripes, tmp_path):
    with pytest.raises(CompressionError) as caught:
        start.compress(
            stripe_teacher, stripes, tmp_path, PLENTY, no_progress, ONE_STUDENT, elapsed=1795.0
        )
    assert caught.value.code == "deadline_too_short"
    assert not list((tmp_path / "variants").iterdir())


def test_a_training_that_gets_slower_ends_with_the_epoch_that_is_the_last_in_time():
    model, _ = joint_model(PAIR)
    phase = replace(PAIR.phases[0], epochs=4)
    split, teacher = data()
    epochs = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epochs.append(epoch))
    fitting.fit(model, phase, split, teacher, None, [count, StopInTime(Deadline(seconds=0.0))])
    assert len(epochs) == 1
    fitting.fit(model, phase, split, teacher, None, [count, StopInTime(joint_training.NO_DEADLINE)])
    assert len(epochs) == 1 + 4
