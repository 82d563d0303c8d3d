"""Measures the files of a student before it is trained, by exporting random weights."""

from pathlib import Path

from workers.compression.artifacts import file_costs, metadata
from workers.compression.artifacts.export import export_students
from workers.compression.artifacts.interpreter import measure_latencies
from workers.compression.recipe import Recipe
from workers.compression.student_values import Budget, FileCosts, StudentPlan
from workers.compression.students.costs import random_student

LATENCY_RUNS, TEACHER_RUNS = 50, 10


def measure_teacher(tflite: Path | None) -> Budget:
    """The MACs and the median latency of the teacher's float32 file, as limits of a student.

    Empty where there is no file.
    """
    if tflite is None:
        return {}
    (latency,) = measure_latencies([tflite], TEACHER_RUNS)
    return {"max_macs": file_costs.count_macs(tflite), "max_latency_ms": latency.p50}


def measure_plan(
    recipe: Recipe, about: metadata.About, folder: Path, plan: StudentPlan, with_latency: bool
) -> FileCosts:
    """The costs of the largest and the slowest of a plan's files, which are written to ``folder``.

    They are removed again.
    """
    paths, sizes = [], []
    for artifact in export_students([random_student(plan)], recipe, folder):
        metadata.describe(artifact, about)
        paths.append(artifact.path)
        sizes.append(artifact.path.stat().st_size)
    latency = None
    if with_latency:
        latency = max(measured.p50 for measured in measure_latencies(paths, LATENCY_RUNS))
    macs = max(map(file_costs.count_macs, paths))
    for path in paths:
        path.unlink()
    return FileCosts(max(sizes), macs, latency)
