"""Trains all students at once: first in float, then quantization-aware."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import keras

from workers.compression.deadline import Deadline
from workers.compression.recipe import SHORT_EPOCHS_MONITORED, Phase, Recipe
from workers.compression.student_values import Student, StudentPlan
from workers.compression.training import fitting, networks, precision, quantization, transfer
from workers.compression.training.checkpoint import CheckpointFile
from workers.compression.training.epochs import EpochEnd, StopInTime
from workers.compression.training.pruning import Pruner
from workers.compression.training.training_state import (
    TrainingInputs,
    TrainingState,
    trains_depthwise,
)
from workers.compression.values import (
    Checkpoint,
    ReportProgress,
    Shape,
    Tensor,
)

TRANSFER_BATCHES = 40
NO_DEADLINE = Deadline()
MONITORED_EXAMPLES, LEAST_MONITORED = 2_000, 100
"""Validation examples after each epoch. They only show the progress; nothing is decided by them."""


@dataclass(frozen=True)
class Trained:
    """The students; the seconds of their training; the epochs of its float phase."""

    students: list[Student]
    seconds: float
    float_epochs: int


def train(
    inputs: TrainingInputs,
    file: CheckpointFile,
    report_progress: ReportProgress,
    deadline: Deadline = NO_DEADLINE,
) -> Trained:
    """Train the students; the float training ends early where a deadline demands it.

    After every epoch the checkpoint in ``file`` is replaced; a training that was interrupted
    continues from it.
    """
    keras.utils.set_random_seed(inputs.recipe.seed)
    state = _prepare(inputs, file.resumed_checkpoint)
    fit = partial(_fit, inputs, state, file, report_progress)
    float_phase, quantization_phase = inputs.recipe.phases
    students = state.students.values()
    state.float_epochs = float_phase.epochs
    if not state.resumed_checkpoint or state.resumed_checkpoint.phase == float_phase.name:
        with precision.bfloat16_convolutions(trains_depthwise(inputs)):
            callbacks = [*_pruners(inputs.recipe, state), StopInTime(deadline)]
            state.float_epochs = fit(float_phase, callbacks)
        report_progress(quantization_phase.name, 0.0)
        state.float32_top1 = fitting.measure_top1(state.model, inputs.data.test)
        sample = inputs.batches().first_inputs(quantization.CALIBRATION_BATCHES)
        quantization.calibrate(state.model, students, sample)
    quantization.set_mode(students, "quantized", inputs.recipe.weight_bits)
    fit(quantization_phase, [])
    folded = _fold_students(inputs.plans, state)
    return Trained(folded, state.seconds(), state.float_epochs)


def _prepare(inputs: TrainingInputs, resumed: Checkpoint | None) -> TrainingState:
    """The networks before training, with the teacher's weights if needed and not resumed."""
    students, network = networks.build_students(inputs.plans, inputs.recipe.sparsity > 0)
    teacher_network = None
    if inputs.teacher_plan is not None:
        teacher, teacher_network = networks.build_students((inputs.teacher_plan,))
        if resumed is None:
            layers = teacher[inputs.teacher_plan.name]
            _transfer(inputs, layers, teacher_network, list(students.values()), network)
    trained = teacher_network if inputs.trained_teacher else None
    model = fitting.JointModel(network, inputs.recipe, inputs.preprocessing, trained)
    if resumed is None:
        return TrainingState(model, students, None)
    return TrainingState(model, students, resumed, resumed.float32_top1, resumed.seconds)


def _transfer(
    inputs: TrainingInputs,
    teacher: networks.StudentLayers,
    teacher_network: keras.Model,
    students: list[networks.StudentLayers],
    network: keras.Model,
) -> None:
    assert inputs.teacher_plan is not None and inputs.teacher_plan.graph is not None
    graph = inputs.teacher_plan.graph
    batches = _first_inputs(inputs, inputs.teacher_plan.input_shape)
    transfer.load_graph_weights(graph, teacher, teacher_network, batches)
    if inputs.recipe.family == "pruned":
        batches = _first_inputs(inputs, inputs.recipe.input_shape)
        transfer.copy_teacher_weights(graph, teacher, students, network, batches)


def _first_inputs(inputs: TrainingInputs, shape: Shape) -> Iterator[Tensor]:
    """Scaled batches of training examples of ``shape``."""
    for batch in inputs.batches().first_inputs(TRANSFER_BATCHES):
        x = inputs.preprocessing.scale(keras.ops.cast(batch["features"], "float32"))
        yield inputs.preprocessing.resize(x, shape)


def _fit(
    inputs: TrainingInputs,
    state: TrainingState,
    file: CheckpointFile,
    report_progress: ReportProgress,
    phase: Phase,
    callbacks: list[keras.callbacks.Callback],
) -> int:
    """Train one phase, with a checkpoint after every epoch; returns how many there were."""
    sizes = {plan.name: (plan.width, plan.depth) for plan in inputs.plans}
    monitored = inputs.data.val.sample(monitored_examples(inputs.recipe))

    def save(epochs: int) -> None:
        checkpoint = Checkpoint(
            recipe=inputs.recipe.to_json(),
            students=sizes,
            phase=phase.name,
            epochs=epochs,
            seconds=state.seconds(),
            float32_top1=state.float32_top1,
            values=fitting.get_state(state.model),
        )
        file.save(checkpoint)

    resumed = state.resumed_checkpoint
    if resumed and resumed.phase != phase.name:
        resumed = None
    accuracies = partial(fitting.measure_top1, state.model, monitored)
    epoch_end = EpochEnd(phase, report_progress, accuracies, save)
    train_split = inputs.data.train
    fitting.fit(state.model, phase, train_split, inputs.targets, resumed, [*callbacks, epoch_end])
    return epoch_end.finished or (resumed.epochs if resumed else 0)


def monitored_examples(recipe: Recipe) -> int:
    """How many validation examples, at most, are measured after each epoch."""
    if not recipe.epoch_examples:
        return MONITORED_EXAMPLES
    return max(LEAST_MONITORED, round(SHORT_EPOCHS_MONITORED * recipe.epoch_examples))


def _pruners(recipe: Recipe, state: TrainingState) -> list[keras.callbacks.Callback]:
    if not recipe.sparsity:
        return []
    return [Pruner(state.students.values(), recipe.sparsity, recipe.epochs)]


def _fold_students(plans: tuple[StudentPlan, ...], state: TrainingState) -> list[Student]:
    folded = []
    for plan in plans:
        layers, top1 = state.students[plan.name], state.float32_top1[plan.name]
        folded.append(quantization.fold_student(plan, layers, top1))
    return folded
