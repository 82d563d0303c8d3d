"""A report and descriptions that the contract accepts, for tests that need some."""

import gzip
import hashlib
from typing import Any

from service.contract import examples
from service.contract.descriptions import DatasetDescription, ModelDescription
from service.contract.report import Baseline, Versions

TOP1 = 0.9
WARNINGS = ["7 images could not be read and were left out."]
MODEL = ModelDescription.model_validate(examples.MODEL["description"]).model_dump()
DATASET = DatasetDescription.model_validate(examples.DATASET["description"]).model_dump()
LATENCY = {"p50": 1.5, "p90": 2.0, "threads": 1, "cpu": "test"}
ACCURACIES: dict[str, Any] = {
    "images": 200,
    "top1": TOP1,
    "top3": 0.97,
    "top5": 0.99,
    "agreement": 0.95,
    "per_class": {"cat": 0.88, "dog": 0.92},
}
BASELINE = Baseline.model_validate(
    {
        **ACCURACIES,
        "top1": 0.93,
        "agreement": 1.0,
        "name": "teacher",
        "quantization": "float32",
        "parameters": 467_946,
        "bytes": 1_996_240,
        "gzip_bytes": 1_800_000,
        "macs": 69_000_000,
        "peak_tensor_bytes": 200_704,
        "latency_ms": {**LATENCY, "p50": 6.0},
        "model": MODEL,
        "input_scaling": "unit",
        "input_scaling_stated": False,
        "teacher_output": "softmax",
        "scaling_accuracies": {"raw": 0.5, "unit": 0.93},
    }
).model_dump()
SUMMARY: dict[str, Any] = {
    "minutes": 1.5,
    "warnings": WARNINGS,
    "recipe": {
        "effort": "draft",
        "seed": 0,
        "family": "resnet",
        "teacher_training": "fixed",
        "parameters": 280_000,
        "teacher_parameters": 467_946,
        "quantizations": ["int8"],
        "sparsity": 0.0,
        "input_shape": [32, 32, 3],
        "epochs": 3,
        "quantization_epochs": 1,
        "batch": 64,
        "rate": 0.1,
        "quantization_rate": 0.001,
        "weight_decay": 0.005,
        "temperature": 4.0,
        "soft_weight": 0.9,
        "teacher_weight": 0.05,
        "mirrored": True,
        "shift": 2,
        "latency_runs": 200,
    },
    "data": {
        "classes": ["cat", "dog"],
        "counts": {"train": 700, "val": 100, "test": 200},
        "split_given": False,
        "duplicates_dropped": {"train": 0, "val": 0},
        "unreadable": [],
        "unreadable_count": 0,
        "ignored_files": 0,
    },
    "versions": dict.fromkeys(Versions.model_fields, "1.0"),
}


def row(name: str, content: bytes, **figures: Any) -> dict[str, Any]:
    """The row of a file that holds ``content``; every file is right about nine images in ten."""
    return {
        **ACCURACIES,
        "name": name,
        "file": f"{name}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "student": name,
        "family": "resnet",
        "width": 8,
        "depth": 2,
        "quantization": "int8",
        "parameters": 20_000,
        "input": {"shape": [1, 32, 32, 3], "dtype": "uint8"},
        "output": {"shape": [1, 2], "dtype": "uint8"},
        "float32_top1": TOP1,
        "budget": None,
        "gzip_bytes": len(gzip.compress(content)),
        "macs": 3_000_000,
        "peak_tensor_bytes": 32_768,
        "latency_ms": LATENCY,
        "smaller_x": 20.0,
        "faster_x": 4.0,
        "fewer_macs_x": 9.0,
        **figures,
    }
