"""How long to train so that a job is finished in the minutes that the user gave it."""

import math
from collections.abc import Mapping
from dataclasses import replace

from workers.compression.deadline import Deadline
from workers.compression.errors import CompressionError
from workers.compression.recipe import SHORT_EPOCHS_MONITORED, Recipe, most_epochs
from workers.compression.training.trial import StepTimes

SAFETY = 0.92
"""Of the time that is left: later steps may take longer than those that were measured."""
QUANTIZED_STEP, QUANTIZED_PREPARATION = 1.8, 2.5
"""Of quantization-aware training, as multiples of those of float training (docs/experiments.md)."""
MONITORED_SHARE = 1 / 3
"""The time to measure an example after an epoch, as a share of that of a training step."""
LEAST_EPOCHS = 8
"""A short training has shorter epochs, so that it is checkpointed and shown as often."""
LEAST_STEPS = 60
QUANTIZED_SHARE = 0.1


def fit_recipe(
    recipe: Recipe,
    times: StepTimes,
    deadline: Deadline,
    examples: int,
    monitored: int,
    afterwards: float,
) -> Recipe:
    """``recipe`` with as many steps as there is time for, at most those of effort ``thorough``.

    ``monitored`` is the number of examples that are measured after each epoch, ``afterwards`` the
    seconds that export and evaluation will take.

    Raises:
        CompressionError: deadline_too_short, with the shortest that would be enough.
    """
    left = SAFETY * deadline.left() - afterwards
    left -= times.preparation * (1 + QUANTIZED_PREPARATION)
    monitoring = MONITORED_SHARE * times.step * monitored / recipe.batch
    step = times.step * (1 + QUANTIZED_SHARE * QUANTIZED_STEP)
    steps_of_epoch = max(1, examples // recipe.batch)
    epochs = math.floor(left / (steps_of_epoch * step + monitoring))
    if epochs >= LEAST_EPOCHS:
        epochs = min(epochs, most_epochs(examples))
        return replace(recipe, epochs=epochs, quantization_epochs=_quantization_epochs(epochs))
    quantized = _quantization_epochs(LEAST_EPOCHS)
    monitoring_share = MONITORED_SHARE * SHORT_EPOCHS_MONITORED
    epochs_of_steps = LEAST_EPOCHS + QUANTIZED_STEP * quantized
    epochs_of_steps += monitoring_share * (LEAST_EPOCHS + quantized)
    steps = left / (times.step * epochs_of_steps)
    if steps * LEAST_EPOCHS < LEAST_STEPS:
        missing = (LEAST_STEPS / LEAST_EPOCHS - steps) * times.step * epochs_of_steps / SAFETY
        raise too_short(deadline, deadline.seconds + missing)
    return replace(
        recipe,
        epochs=LEAST_EPOCHS,
        quantization_epochs=quantized,
        epoch_examples=min(examples, math.floor(steps) * recipe.batch),
    )


def seconds_after_float(
    recipe: Recipe, times: StepTimes, examples: int, afterwards: float
) -> float:
    """The time that the job takes after its float training."""
    steps = (recipe.epoch_examples or examples) / recipe.batch * recipe.quantization_epochs
    quantized = QUANTIZED_PREPARATION * times.preparation + QUANTIZED_STEP * times.step * steps
    return quantized + afterwards


def check_feasible(deadline: Deadline, expected: Mapping[str, float] | None) -> None:
    """Refuse a deadline that the work around the training would miss already.

    Raises:
        CompressionError: deadline_too_short.
    """
    if not deadline.exists or expected is None:
        return
    around = sum(expected[stage] for stage in ("teach", "export", "evaluate"))
    if around > deadline.left():
        raise too_short(deadline, (deadline.used() + around) / SAFETY + LEAST_STEPS)


def too_short(deadline: Deadline, seconds: float) -> CompressionError:
    """The refusal of a deadline where ``seconds`` would be enough."""
    minutes = math.ceil(1.1 * seconds / 6) / 10
    message = f"{deadline.seconds / 60:g} minutes are not enough for this job on this machine."
    hint = f"Give it at least {minutes:g} minutes (max_minutes), or leave max_minutes out."
    return CompressionError("deadline_too_short", message, hint)


def _quantization_epochs(epochs: int) -> int:
    return max(1, round(epochs * QUANTIZED_SHARE))
