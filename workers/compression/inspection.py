"""What an upload is, before anything trusts it; and, given both, how good the teacher is on the
data.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workers.compression.images import splits


def model(path: Path, folder: Path) -> dict[str, Any]:
    """Format, loader, input and output signature, parameters, bytes and MACs (None when not
    convertible).
    """
    from workers.compression.artifacts import file_costs
    from workers.compression.teacher import loading

    folder.mkdir(parents=True, exist_ok=True)
    found = loading.load(path, folder)
    tflite = (
        {"macs": file_costs.macs(found.tflite), "tflite_bytes": found.tflite.stat().st_size}
        if found.tflite
        else {"macs": None}
    )
    return found.description | tflite


def dataset(path: Path) -> dict[str, Any]:
    """Classes, counts per split, image sizes and unreadable files of a dataset."""
    return splits.inspect(path)


def accuracy(model_path: Path, data_path: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The teacher's top-1 on the held-out images, with the scaling and the kind of output that were
    found.
    """
    from workers.compression.teacher import input_contract, loading

    with tempfile.TemporaryDirectory() as scratch:
        found = loading.load(model_path, Path(scratch))
        images = splits.load(data_path, found.input_shape, spec, Path(scratch), lambda _: None)
        contract = input_contract.find(found, images.train, images.classes, spec)
        scores = input_contract.logits(found, contract, images.test.images)
        return {
            "top1": input_contract.accuracy(scores, images.test.labels),
            "images": len(images.test),
            "input_scaling": contract.scaling,
            "teacher_output": contract.output,
            "scaling_accuracies": contract.accuracies,
        }
