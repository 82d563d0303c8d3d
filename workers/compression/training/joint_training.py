"""One training for all students: in float, then quantization-aware, from a checkpoint where there
is one.
"""

import time
from functools import partial

import keras

from workers.compression.recipe import Phase, Recipe
from workers.compression.students import costs
from workers.compression.training import (
    checkpoint,
    fitting,
    networks,
    precision,
    pruning,
    quantization,
    transfer,
)
from workers.compression.training.epochs import EpochEnd
from workers.compression.values import (
    Checkpoint,
    Dataset,
    Report,
    Student,
    StudentPlan,
    TeacherOutputs,
)

WARM_START_BATCHES = 40
WATCHED = 2_000
"""Images after each epoch, to tell how far the training is; nothing is decided by them."""


def train(
    plans: tuple[StudentPlan, ...],
    teacher: StudentPlan | None,
    recipe: Recipe,
    images: Dataset,
    soft: TeacherOutputs,
    slot: checkpoint.Slot,
    report: Report,
) -> tuple[list[Student], float]:
    """The trained students of ``plans`` and the seconds that took; a checkpoint in ``slot`` after
    every epoch.

    ``teacher`` is the plan of the teacher itself where its graph is needed: to begin from, or to be
    trained along. What an earlier attempt left in ``slot`` is not trained again.
    """
    saved = slot.begun
    keras.utils.set_random_seed(recipe.seed)
    joint, layers = _networks(plans, teacher, recipe, images, soft, fresh=saved is None)
    float32_top1 = saved.float32_top1 if saved else {}
    rungs = {plan.name: (plan.width, plan.depth) for plan in plans}
    watched = images.val.spread(WATCHED)
    begun, before = time.monotonic(), saved.seconds if saved else 0.0

    def seconds() -> float:
        return before + time.monotonic() - begun

    def fit(phase: Phase, *callbacks: keras.callbacks.Callback) -> None:
        def save(epochs: int) -> None:
            values = fitting.state(joint)
            slot.save(
                Checkpoint(recipe.row(), rungs, phase.name, epochs, seconds(), float32_top1, values)
            )

        accuracies = partial(fitting.accuracies, joint, watched)
        own = saved if saved and saved.phase == phase.name else None
        fitting.fit(
            joint,
            phase,
            images.train,
            soft,
            own,
            [*callbacks, EpochEnd(phase, report, accuracies, save)],
        )

    in_float, in_int8 = recipe.phases
    if not saved or saved.phase == in_float.name:
        pruner = (
            [pruning.Pruner(layers.values(), recipe.sparsity, in_float.epochs)]
            if recipe.sparsity
            else []
        )
        with precision.bfloat16_convolutions(
            _depthwise(plans, teacher if recipe.teacher == "joint" else None)
        ):
            fit(in_float, *pruner)
        float32_top1 = fitting.accuracies(joint, images.test)
        sample = fitting.Batches(images.train, soft, recipe.batch, recipe.seed).sample(
            quantization.CALIBRATION_BATCHES
        )
        quantization.calibrate(joint, layers.values(), sample)
    quantization.set_mode(layers.values(), "quantized", recipe.weight_bits)
    fit(in_int8)
    return [
        quantization.quantized(plan, layers[plan.name], float32_top1[plan.name]) for plan in plans
    ], seconds()


def _networks(
    plans: tuple[StudentPlan, ...],
    teacher: StudentPlan | None,
    recipe: Recipe,
    images: Dataset,
    soft: TeacherOutputs,
    fresh: bool,
) -> tuple[fitting.Joint, dict[str, networks.Trainable]]:
    """The joint network and the students' layers by name; unless a checkpoint follows, with their
    first weights.
    """
    layers, network = networks.build(plans, recipe.sparsity > 0)
    teacher_network = None
    if teacher is not None:
        itself, teacher_network = networks.build((teacher,))
        begun = list(layers.values()) if recipe.family == teacher.family else []
        if fresh:
            batches = fitting.Batches(images.train, soft, recipe.batch, recipe.seed)
            observed = (
                fitting.fitted(x, teacher_network) for x in batches.scaled(WARM_START_BATCHES)
            )
            transfer.teach(teacher.graph, itself[teacher.name], teacher_network, observed)
            if begun:
                seen = batches.scaled(WARM_START_BATCHES)
                transfer.follow(teacher.graph, itself[teacher.name], begun, network, seen)
    return fitting.Joint(
        network, recipe, teacher_network if recipe.teacher == "joint" else None
    ), layers


def _depthwise(plans: tuple[StudentPlan, ...], teacher: StudentPlan | None) -> bool:
    """Whether a network that is trained has depthwise convolutions."""
    trained = (*plans, teacher) if teacher else plans
    return any(unit.depthwise for plan in trained for unit in costs.counted(plan).units.values())
