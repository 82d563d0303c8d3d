"""Measures how long a step of a training takes on this machine, before the training."""

import statistics
import time
from dataclasses import dataclass, replace

import keras

from workers.compression.training import fitting, networks, precision
from workers.compression.training.training_state import TrainingInputs, trains_depthwise
from workers.compression.values import Json

LEAST_STEPS, MOST_STEPS, SECONDS = 3, 20, 6.0
"""Steps after the first one, which contains the compilation; at most so many seconds of them."""


@dataclass(frozen=True)
class StepTimes:
    """Seconds until the end of the first step, and seconds of each step after it."""

    preparation: float
    step: float


class _Clock(keras.callbacks.Callback):
    """Notes when steps end, and ends the training after enough of them."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Json | None = None) -> None:
        self.ends.append(time.monotonic())
        steps, seconds = len(self.ends) - 1, self.ends[-1] - self.ends[0]
        if steps >= MOST_STEPS or (steps >= LEAST_STEPS and seconds >= SECONDS):
            self.model.stop_training = True


def measure_steps(inputs: TrainingInputs) -> StepTimes:
    """Train untrained networks for some steps, and forget them."""
    started = time.monotonic()
    recipe = inputs.recipe
    _, network = networks.build_students(inputs.plans, recipe.sparsity > 0)
    teacher = None
    if inputs.trained_teacher is not None:
        _, teacher = networks.build_students((inputs.trained_teacher,))
    model = fitting.JointModel(network, recipe, inputs.preprocessing, teacher)
    clock = _Clock()
    with precision.bfloat16_convolutions(trains_depthwise(inputs)):
        phase = replace(recipe.phases[0], epochs=1)
        fitting.fit(model, phase, inputs.data.train, inputs.targets, None, [clock])
    keras.backend.clear_session()
    first, *others = clock.ends
    durations = [after - before for before, after in zip(clock.ends, others, strict=False)]
    return StepTimes(first - started, statistics.median(durations or [first - started]))
