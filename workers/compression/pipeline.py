"""One compression from the beginning to the end: a teacher and its data in, .tflite files out."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from workers.compression import time_budget
from workers.compression.artifacts import (
    evaluation,
    export,
    measuring,
    metadata,
    plots,
    selection,
    summary,
)
from workers.compression.artifacts.evaluation import TestedFile
from workers.compression.artifacts.metadata import About
from workers.compression.artifacts.provenance import Provenance
from workers.compression.deadline import Deadline
from workers.compression.expected_times import expected_seconds
from workers.compression.images import (
    augmentation,
    input_scaling,
    orientation,
    pixels,
    splits,
)
from workers.compression.origin import Origin
from workers.compression.recipe import Recipe, student_input
from workers.compression.student_values import Budget, StudentPlan
from workers.compression.students import planning
from workers.compression.students.teacher_plan import teacher_as_plan
from workers.compression.teacher import quantized, soft_targets
from workers.compression.training import checkpoint, joint_training, trial
from workers.compression.training.training_state import TrainingInputs
from workers.compression.values import (
    Checkpoint,
    Dataset,
    Json,
    PreparedTeacher,
    Preprocessing,
    ReportProgress,
    Spec,
    Teacher,
    TeacherLogits,
)
from workers.compression.work_folder import CHECKPOINT, REPORT, SCRATCH, VARIANTS


def compress(
    loaded: Teacher,
    model: Path,
    dataset: Path,
    folder: Path,
    spec: Spec,
    report_progress: ReportProgress,
    recipe: Recipe | None,
    origin: Origin,
    deadline: Deadline,
) -> Json:
    """Compress ``model``, which was ``loaded``, on ``dataset``; return the content of report.json.

    The files go to ``folder``/variants, the plots to ``folder``. A training that was interrupted
    continues from ``folder``/checkpoint.npz. ``spec`` is a complete JobSpec as plain data; a
    ``recipe`` replaces the one that would be derived from it.

    Raises:
        CompressionError: for everything that the user can do something about.
    """
    scratch, variants = _make_folders(folder)
    # The teacher is loaded already, because images are decoded only once: at its input size.
    data, student_data = splits.load_both(
        dataset,
        loaded.input_shape,
        student_input(spec["family"], loaded.input_shape) if recipe is None else recipe.input_shape,
        spec,
        scratch,
        partial(report_progress, "load"),
        partial(orientation.prefers_stored, loaded, spec),
    )
    report_half = partial(_report_half, report_progress)
    teacher = input_scaling.prepare_teacher(loaded, data, spec, partial(report_half, 0))
    data, student_data = (each.reordered(teacher.contract.classes) for each in (data, student_data))

    # A checkpoint also has the recipe and the sizes of its students: another measurement of the
    # latency could choose other students.
    fingerprint = checkpoint.fingerprint(model, dataset, recipe, spec)
    file = checkpoint.CheckpointFile(folder / CHECKPOINT, fingerprint)
    resumed = file.resumed_checkpoint
    given = Recipe.from_json(resumed.recipe) if resumed else recipe
    recipe = given or _derive(spec, teacher, data)
    teacher_plan = _teacher_plan(recipe, teacher, data)
    about = About.of(data, Provenance.of(origin, model, dataset, spec))
    measure = partial(measuring.measure_plan, recipe, about, scratch)
    template = planning.plan_template(recipe, len(about.classes), teacher_plan)
    plans = _plan(recipe, spec, teacher, template, measure, resumed)
    expected = expected_seconds(recipe, plans, teacher, data)
    if not resumed:
        time_budget.check_feasible(deadline, expected)
    report_progress("plan", 0.5, expected=expected)

    # Nothing is removed before the plan: it may refuse the job.
    _remove_earlier_results(folder)
    if not given:
        tolerated = augmentation.tolerated_augmentation(teacher, data, partial(report_half, 1))
        recipe = recipe.with_augmentation(tolerated)
    preprocessing = augmentation.preprocessing(recipe.mirrored, recipe.shift)
    # The converter works beside the training, in a process of its own.
    conversion = _start_conversion(teacher, data, preprocessing, recipe.keep_grey, variants)
    targets = _targets(recipe, teacher, data, preprocessing, scratch, report_progress)
    inputs = TrainingInputs(recipe, plans, teacher_plan, student_data, targets, preprocessing)
    if deadline.exists and not resumed:
        inputs, deadline = _fit_to_deadline(inputs, deadline, expected or {}, report_progress)
        recipe = inputs.recipe
    trained = joint_training.train(inputs, file, report_progress, deadline)
    recipe = replace(recipe, epochs=trained.float_epochs)

    report_progress("export", 0.0)
    artifacts = export.export_students(trained.students, recipe, variants)
    files = [TestedFile(artifact, student_data) for artifact in artifacts]
    if conversion and (teacher_int8 := conversion.result()):
        files.append(TestedFile(teacher_int8, data))
    for each in files:
        metadata.describe(each.artifact, about)

    report_progress("evaluate", 0.0)
    report_fraction = partial(report_progress, "evaluate")
    cards, teacher_card = evaluation.evaluate_all(
        files, teacher, data, pixels.scale, recipe.latency_runs, report_fraction
    )
    chosen = selection.choose([each.artifact for each in files], cards)
    left_out: list[str] = []
    if not (spec["variants"] or recipe.students):
        chosen, left_out = selection.leave_out_beaten(chosen)
    minutes = trained.seconds / 60
    report = summary.report(teacher, teacher_card, chosen, recipe, minutes, data, left_out)
    report["provenance"] = about.provenance.to_json()
    plots.plot_accuracy_over_bytes(report, folder)
    return report


def _make_folders(folder: Path) -> tuple[Path, Path]:
    """The folders for temporary files and for variants."""
    scratch, variants = folder / SCRATCH, folder / VARIANTS
    scratch.mkdir(parents=True, exist_ok=True)
    variants.mkdir(parents=True, exist_ok=True)
    return scratch, variants


def _report_half(report_progress: ReportProgress, half: int, fraction: float) -> None:
    """Of the stage "plan": first the search of the scaling, then that of the augmentation."""
    report_progress("plan", (half + fraction) / 2)


def _fit_to_deadline(
    inputs: TrainingInputs,
    deadline: Deadline,
    expected: Mapping[str, float],
    report_progress: ReportProgress,
) -> tuple[TrainingInputs, Deadline]:
    """The inputs with as many steps as there is time for, by the time that some steps take."""
    report_progress("train", 0.0, message="measuring how long a step takes")
    times = trial.measure_steps(inputs)
    afterwards = expected.get("export", 0.0) + expected.get("evaluate", 0.0)
    monitored = min(joint_training.MONITORED_EXAMPLES, len(inputs.data.val))
    examples = len(inputs.data.train)
    recipe = time_budget.fit_recipe(inputs.recipe, times, deadline, examples, monitored, afterwards)
    reserve = time_budget.seconds_after_float(recipe, times, examples, afterwards)
    return replace(inputs, recipe=recipe), replace(deadline, reserve=reserve)


def _derive(spec: Spec, teacher: PreparedTeacher, data: Dataset) -> Recipe:
    parameters, shape = teacher.loaded.parameters, teacher.loaded.input_shape
    return Recipe.derive(spec, parameters, shape, len(data.train))


def _teacher_plan(recipe: Recipe, teacher: PreparedTeacher, data: Dataset) -> StudentPlan | None:
    """The teacher as a plan, where its graph is needed: to make students of it, or to train it."""
    if recipe.family == "pruned" or recipe.teacher_training == "joint":
        return teacher_as_plan(teacher, len(data.classes))
    return None


def _plan(
    recipe: Recipe,
    spec: Spec,
    teacher: PreparedTeacher,
    template: StudentPlan,
    measure: planning.Measure,
    resumed: Checkpoint | None,
) -> tuple[StudentPlan, ...]:
    if resumed:
        return planning.plan_students(recipe, spec["variants"], template, measure, resumed.students)
    costs: Budget = {}
    if not (spec["variants"] or recipe.students):
        costs = measuring.measure_teacher(teacher.loaded.tflite)
    return planning.plan_students(recipe, spec["variants"], template, measure, None, costs)


def _remove_earlier_results(folder: Path) -> None:
    """Remove the report and the .tflite files that an earlier run left in the folder."""
    for path in (folder / REPORT, *(folder / VARIANTS).glob("*.tflite")):
        path.unlink(missing_ok=True)


def _start_conversion(
    teacher: PreparedTeacher,
    data: Dataset,
    preprocessing: Preprocessing,
    keep_grey: bool,
    folder: Path,
) -> quantized.Conversion | None:
    examples = pixels.calibration_examples(data.train, quantized.CALIBRATION_EXAMPLES)
    return quantized.start(teacher, examples, preprocessing.scale, keep_grey, folder)


def _targets(
    recipe: Recipe,
    teacher: PreparedTeacher,
    data: Dataset,
    preprocessing: Preprocessing,
    scratch: Path,
    report_progress: ReportProgress,
) -> TeacherLogits:
    if recipe.teacher_training == "joint":
        return soft_targets.placeholder(data.train, preprocessing.views, len(data.classes))
    report_fraction = partial(report_progress, "teach")
    predict = teacher.predict_logits
    return soft_targets.compute(
        predict, data.train, preprocessing, scratch, report_fraction, teacher.known
    )
