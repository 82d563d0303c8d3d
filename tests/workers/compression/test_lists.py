"""The same names stand in the contract and in the engine, which may not import it."""

from pathlib import Path
from typing import get_args

from service.contract import job
from service.contract.report import PLOT_NAME
from workers.compression.artifacts import export, selection
from workers.compression.images.class_folders import MAX_CLASSES
from workers.compression.images.scalings import scalings
from workers.compression.recipe import EPOCH_BOUNDS, EXAMPLES_SEEN
from workers.compression.students.families import FAMILIES
from workers.compression.students.sizes import SIZES
from workers.compression.teacher import quantized
from workers.compression.work_folder import PLOTS


def test_every_family_has_a_network_and_a_list_of_sizes():
    families = set(get_args(job.StudentFamily))
    assert families == set(FAMILIES) == set(SIZES)


def test_every_quantization_can_be_exported():
    exported = {*export.WEIGHT_BITS, *export.FLOAT_QUANTIZATIONS}
    assert set(get_args(job.Quantization)) == exported


def test_every_scaling_can_be_tried():
    known = set(scalings(0.0, 1.0, 3))
    assert set(get_args(job.InputScaling)) == known


def test_every_budget_can_be_checked():
    assert set(job.BUDGETS) == set(selection.FIGURES)


def test_every_effort_has_a_length():
    assert set(get_args(job.Effort)) == set(EXAMPLES_SEEN) == set(EPOCH_BOUNDS)


def test_no_variant_may_have_the_name_of_the_quantized_teacher():
    assert quantized.NAME in job.TEACHER_ROWS


def test_a_spec_may_name_as_many_classes_as_a_dataset_may_have():
    metadata = job.JobSpec.model_fields["class_names"].metadata
    assert MAX_CLASSES in [getattr(limit, "max_length", None) for limit in metadata]


def test_the_plots_have_the_names_under_which_the_service_looks_for_them():
    assert {Path(name).stem for name in PLOTS} == {PLOT_NAME}
