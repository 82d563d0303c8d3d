"""How much training fits into the minutes that the user gives."""

import re
from dataclasses import replace

import pytest

from tests.workers.compression.conftest import full_spec
from workers.compression import time_budget
from workers.compression.deadline import Deadline
from workers.compression.errors import CompressionError
from workers.compression.recipe import Recipe, most_epochs
from workers.compression.training.trial import StepTimes

RECIPE = Recipe.derive(full_spec(), 470_000, (32, 32, 3), 50_000)
FAST, SLOW = StepTimes(8.0, 0.1), StepTimes(20.0, 1.0)
EXAMPLES, MONITORED, AFTERWARDS = 48_000, 2_000, 15.0


def fitted(minutes, times, examples=EXAMPLES, elapsed=30.0):
    deadline = Deadline.of(minutes, elapsed)
    return time_budget.fit_recipe(RECIPE, times, deadline, examples, MONITORED, AFTERWARDS)


def seconds(recipe, times, examples=EXAMPLES):
    """What the whole training takes at these speeds, and what comes after it."""
    steps = (recipe.epoch_examples or examples) // recipe.batch
    monitored = recipe.epoch_examples / 4 if recipe.epoch_examples else MONITORED
    monitoring = monitored / recipe.batch * times.step / 3
    epochs = recipe.epochs * (steps * times.step + monitoring)
    epochs += recipe.quantization_epochs * (steps * 1.8 * times.step + monitoring)
    return 3.5 * times.preparation + epochs + AFTERWARDS


@pytest.mark.parametrize("times", [FAST, SLOW])
@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_the_training_fills_the_time_and_not_more(minutes, times):
    recipe = fitted(minutes, times)
    assert seconds(recipe, times) < 60 * minutes - 30
    # Eight percent are kept back, and one epoch may not fit.
    one_epoch = seconds(replace(recipe, epochs=recipe.epochs + 1), times) - seconds(recipe, times)
    assert seconds(recipe, times) > 0.85 * (60 * minutes - 30) - one_epoch - 5


def test_there_are_never_more_epochs_than_with_the_highest_effort():
    assert fitted(7 * 24 * 60, FAST, examples=2_000).epochs == most_epochs(2_000)


def test_a_short_training_has_short_epochs_rather_than_few():
    recipe = fitted(4, SLOW)
    assert (recipe.epochs, recipe.quantization_epochs) == (8, 1)
    assert 0 < recipe.epoch_examples < EXAMPLES
    assert fitted(120, FAST).epoch_examples == 0


def test_too_short_a_deadline_is_refused_with_one_that_is_enough():
    with pytest.raises(CompressionError) as caught:
        fitted(1.5, SLOW)
    assert caught.value.code == "deadline_too_short"
    assert caught.value.message.startswith("1.5 minutes are not enough")
    found = re.search(r"at least ([\d.]+) minutes", caught.value.hint)
    assert found and 1.5 < float(found[1]) < 4.5
    assert fitted(float(found[1]), SLOW).epochs == 8


def test_a_job_whose_other_stages_take_longer_is_refused_before_they_begin():
    expected = {"teach": 200.0, "train": 9.0, "quantize": 9.0, "export": 2.0, "evaluate": 20.0}
    time_budget.check_feasible(Deadline.of(5, 30.0), expected)
    time_budget.check_feasible(Deadline(), expected)
    with pytest.raises(CompressionError) as caught:
        time_budget.check_feasible(Deadline.of(4, 30.0), expected)
    assert caught.value.code == "deadline_too_short"
