"""Inspects an uploaded model or dataset before it is used; with both, the teacher's accuracy.

The imports are in the functions: an inspection of a dataset needs no TensorFlow.
"""

import math
import tempfile
from functools import partial
from pathlib import Path

from workers.compression.images import description
from workers.compression.values import Json, ReportProgress, Spec, report_nothing


def model(path: Path, folder: Path, report_progress: ReportProgress = report_nothing) -> Json:
    """Describe a model in the form of service.contract.descriptions.ModelDescription.

    ``folder`` is for the files that loading leaves.

    Raises:
        CompressionError: why the model cannot be loaded.
    """
    from workers.compression.artifacts import file_costs
    from workers.compression.teacher import loading

    folder.mkdir(parents=True, exist_ok=True)
    teacher = loading.load(path, folder)
    report_progress("load", 0.5)
    if teacher.tflite is None:
        return teacher.description | {"macs": None}
    macs, size = file_costs.count_macs(teacher.tflite), teacher.tflite.stat().st_size
    return teacher.description | {"macs": macs, "tflite_bytes": size}


def dataset(
    path: Path, report_progress: ReportProgress = report_nothing, max_pixels: float = math.inf
) -> Json:
    """Describe a dataset in the form of service.contract.descriptions.DatasetDescription.

    Raises:
        CompressionError: why the dataset cannot be used.
    """
    return description.describe(path, report_progress, max_pixels)


def accuracy(model_path: Path, data_path: Path, spec: Spec) -> Json:
    """The teacher's top-1 on held-out images, with its scaling and the kind of its output.

    Raises:
        CompressionError: what ``model``, ``dataset`` and ``input_scaling.find`` raise.
    """
    from workers.compression.images import input_scaling, input_size, orientation, splits
    from workers.compression.teacher import outputs

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        teacher = input_size.load_teacher(model_path, data_path, spec, scratch)
        prefers_stored = partial(orientation.prefers_stored, teacher, spec)
        shape = teacher.input_shape
        data, _ = splits.load_both(
            data_path, shape, shape, spec, scratch, lambda _: None, prefers_stored
        )
        contract = input_scaling.find(teacher, data.train, data.classes, spec).contract
        data = data.reordered(contract.classes)
        logits = input_scaling.teacher_logits(teacher, contract, data.test.features)
        return {
            "top1": outputs.accuracy(logits, data.test.labels),
            "images": len(data.test),
            "input_shape": teacher.input_shape,
            "input_scaling": contract.scaling,
            "teacher_output": contract.output,
            "scaling_accuracies": contract.accuracies,
            "warnings": (*data.warnings, *contract.warnings),
        }
