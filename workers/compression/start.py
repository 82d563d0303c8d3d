"""Starts a compression: opens the teacher while the libraries of the training are imported."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.compression.deadline import Deadline
from workers.compression.images import input_size
from workers.compression.origin import Origin
from workers.compression.recipe import Recipe
from workers.compression.values import Json, ReportProgress, Spec
from workers.compression.work_folder import SCRATCH


def compress(
    model: Path,
    dataset: Path,
    folder: Path,
    spec: Spec,
    report_progress: ReportProgress,
    recipe: Recipe | None = None,
    origin: Origin | None = None,
    elapsed: float = 0.0,
) -> Json:
    """Compress ``model`` on ``dataset`` and return the content of report.json.

    See ``pipeline.compress``. ``elapsed`` seconds of the spec's ``max_minutes`` are over.

    Raises:
        CompressionError: for everything that the user can do something about.
    """
    deadline = Deadline.of(spec["max_minutes"], elapsed)
    scratch = folder / SCRATCH
    scratch.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(input_size.load_teacher, model, dataset, spec, scratch)
        # A process of its own opens the teacher. Both import TensorFlow, which takes seconds.
        from workers.compression import pipeline

        teacher = loading.result()
    return pipeline.compress(
        teacher,
        model,
        dataset,
        folder,
        spec,
        report_progress,
        recipe,
        origin or Origin.local(),
        deadline,
    )
