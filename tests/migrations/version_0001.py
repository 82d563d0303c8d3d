"""A database as version 0001 wrote it, with a finished, a failed and a queued job."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Engine, MetaData, insert

SECRET = "l2c_secret"
MOMENT = datetime(2026, 11, 20, 10, tzinfo=UTC)
HASH = hashlib.sha256(b"x").hexdigest()
LATENCY = {"p50": 0.1, "p90": 0.2, "threads": 1, "cpu": "a processor"}
TENSOR = {"shape": [1, 28, 28, 1], "dtype": "uint8"}
NAMED = {"name": "image:0", "shape": [None, 28, 28, 1], "dtype": "float32"}
FIGURES: dict[str, Any] = {
    "images": 2000,
    "top1": 0.9,
    "top5": 0.99,
    "agreement": 0.95,
    "per_class": {"bag": 0.9, "coat": 0.8},
    "parameters": 1000,
    "bytes": 5000,
    "gzip_bytes": 4000,
    "macs": 7000,
    "peak_tensor_bytes": 800,
    "latency_ms": LATENCY,
}
SPEC: dict[str, Any] = {
    "effort": "draft",
    "seed": 0,
    "input_scaling": None,
    "teacher_output": None,
    "class_names": None,
    "family": "teacher",
    "teacher": "joint",
    "sparsity": 0.0,
    "quantizations": ["int8", "float16"],
    "variants": [{"name": "small", "max_bytes": 9000}],
}
MODEL = {
    **{"format": "keras", "loader": "keras", "bytes": 3, "parameters": 1000},
    **{"size_assumed": False, "input": NAMED, "output": {**NAMED, "shape": [None, 2]}},
}
DATASET: dict[str, Any] = {
    "classes": ["bag", "coat"],
    "counts": {"train": {"bag": 5, "coat": 5}, "test": {"bag": 1, "coat": 1}},
    "images": 12,
    "image_sizes": {
        "width": {"least": 28, "median": 28, "most": 28},
        "height": {"least": 28, "median": 28, "most": 28},
        "most_common": [[28, 28, 12]],
    },
    "modes": {"grey": 12},
    "unreadable": [],
    "unreadable_count": 0,
    "ignored_files": 0,
}
RECIPE = {
    **{"effort": "draft", "seed": 0, "family": "teacher", "teacher": "joint", "students": []},
    **{"parameters": 600, "teacher_parameters": 1000, "quantizations": ["int8", "float16"]},
    **{"sparsity": 0.0, "input_shape": [28, 28, 1], "epochs": 3, "quantization_epochs": 1},
    **{"batch": 64, "rate": 0.02, "quantization_rate": 0.001, "weight_decay": 0.005},
    **{"temperature": 4.0, "soft_weight": 0.9, "teacher_weight": 0.05, "mirrored": False},
    **{"shift": 0, "latency_runs": 200},
}


def row(name: str, student: str | None, quantization: str, file: str) -> dict[str, Any]:
    """A row of a report's variants."""
    budget = student and {"asked": {"max_bytes": 9000}, "kept": True}
    return {
        **FIGURES,
        **{"name": name, "student": student, "family": "teacher", "file": file, "sha256": HASH},
        **{"quantization": quantization, "input": TENSOR, "output": TENSOR, "budget": budget},
        **{"float32_top1": None, "smaller_x": 2.0, "faster_x": None, "fewer_macs_x": 1.5},
    }


ROWS = [
    row("small", "small", "int8", "small-teacher-w33-d1-28x28x1-int8.tflite"),
    row("small-float16", "small", "float16", "small-teacher-w33-d1-28x28x1-float16.tflite"),
    row("teacher-int8", None, "int8", "teacher-28x28x1-int8.tflite"),
]
REPORT = {
    "baseline": {
        **FIGURES,
        **{"name": "teacher", "quantization": "float32", "model": MODEL, "input_scaling": "unit"},
        **{"input_scaling_stated": False, "teacher_output": "softmax"},
        "scaling_accuracies": {"raw": 0.2, "unit": 0.9},
    },
    "variants": ROWS,
    "recipe": RECIPE,
    "minutes": 2.5,
    "data": {
        **{"classes": ["bag", "coat"], "counts": {"train": 8, "val": 2, "test": 2}},
        **{"split_given": True, "duplicates_dropped": {"train": 0, "val": 0}},
        **{"unreadable": [], "unreadable_count": 0, "ignored_files": 0},
    },
    "warnings": ["a warning"],
    "versions": {
        **{"python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1", "tf-keras": "2.21.0"},
        **{"ai-edge-litert": "2.3.0", "numpy": "2.4.6", "pillow": "13.0.0"},
    },
}
OWNED = {"account_id": "acc_1", "created_at": MOMENT}
JOB = {
    **OWNED,
    **{"kind": "compression", "model_id": "mod_1", "dataset_id": "dat_1", "spec": SPEC},
    **{"stage": "train", "progress": 0.5, "cancel_requested": False, "attempts": 1},
}
DONE = {**JOB, "state": "succeeded", "progress": 1.0, "report": REPORT}
ERROR = {"code": "teacher_near_chance", "message": "It guesses.", "hint": "State the scaling."}
TABLES: list[tuple[str, list[dict[str, Any]]]] = [
    ("accounts", [{"id": "acc_1", "name": "first", "created_at": MOMENT}]),
    (
        "api_keys",
        [
            {
                **OWNED,
                "id": "key_1",
                "name": "k",
                "sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
            }
        ],
    ),
    (
        "uploads",
        [
            {**OWNED, "id": f"upl_{number}", "filename": "a.zip", "size": 3, "part_size": 65536}
            | {"sha256": HASH, "completed_at": MOMENT}
            for number in (1, 2, 3)
        ],
    ),
    ("upload_parts", [{"upload_id": "upl_1", "number": 1, "size": 3, "sha256": HASH}]),
    (
        "models",
        [
            {**OWNED, "id": "mod_1", "upload_id": "upl_1", "name": "net", "state": "ready"}
            | {"description": {**MODEL, "macs": 7000, "tflite_bytes": 5000}}
        ],
    ),
    (
        "datasets",
        [
            {**OWNED, "id": "dat_1", "upload_id": "upl_2", "name": "photos", "state": "ready"}
            | {"description": DATASET}
        ],
    ),
    (
        "jobs",
        [
            {**DONE, "id": "job_1", "artifacts_prefix": "jobs/job_1/attempt-1/"},
            {**JOB, "id": "job_2", "state": "failed", "error": ERROR},
            {**JOB, "id": "job_3", "state": "queued", "rung_at": MOMENT},
            {**JOB, "id": "job_4", "kind": "model_inspection", "state": "succeeded", "spec": {}},
        ],
    ),
    (
        "job_events",
        [
            {"job_id": "job_1", "attempt": 1, "type": "state", "created_at": MOMENT}
            | {"data": {"state": "succeeded", "error": None}}
        ],
    ),
    (
        "variants",
        [
            {**OWNED, "id": f"var_{number}", "job_id": "job_1", "name": each["name"]}
            | {"filename": each["file"], "key": f"jobs/job_1/attempt-1/{each['file']}"}
            | {"sha256": HASH, "bytes": 5000, "metrics": each}
            for number, each in enumerate(ROWS, 1)
        ],
    ),
]


def fill(engine: Engine) -> None:
    """Write all rows into tables of version 0001."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for name, rows in TABLES:
            table = tables.tables[name]
            for column in table.columns:
                # Reflected from SQLite, both would be plain text and numbers.
                if column.name.endswith("_at"):
                    column.type = DateTime(timezone=True)
                if column.name in ("spec", "report", "error", "description", "data", "metrics"):
                    column.type = JSON(none_as_null=True)
            for each in rows:
                connection.execute(insert(table).values(each))
