"""Examples for the OpenAPI description, one per view."""

from typing import Any

MOMENT = "2026-11-20T10:00:00Z"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LABELS = {"app": "camera"}

NEW_UPLOAD: dict[str, Any] = {
    "filename": "resnet.keras",
    "bytes": 104_857_600,
    "sha256": SHA256,
}
COMPLETION = {"sha256": SHA256}
PART: dict[str, Any] = {"number": 1, "bytes": 16_777_216, "sha256": SHA256}
UPLOAD: dict[str, Any] = {
    "id": "upl_0f",
    "filename": "resnet.keras",
    "state": "receiving",
    "bytes": 104_857_600,
    "part_bytes": 16_777_216,
    "part_count": 7,
    "sha256": None,
    "completed_at": None,
    "created_at": MOMENT,
}
NEW_RECORD: dict[str, Any] = {"upload_id": "upl_0f", "name": "ResNet-32", "labels": LABELS}
RECORD: dict[str, Any] = {
    "upload_id": "upl_0f",
    "labels": LABELS,
    "state": "ready",
    "error": None,
    "bytes": 1_996_240,
    "sha256": SHA256,
    "created_at": MOMENT,
}
MODEL: dict[str, Any] = {
    **RECORD,
    "id": "mod_1a",
    "name": "resnet.keras",
    "description": {
        "format": "keras",
        "loader": "keras",
        "bytes": 1_996_240,
        "parameters": 467_946,
        "input": {"name": "image:0", "shape": [None, 32, 32, 3], "dtype": "float32"},
        "output": {"name": "Identity:0", "shape": [None, 10], "dtype": "float32"},
        "size_assumed": False,
        "macs": 69_124_682,
        "tflite_bytes": 1_905_288,
    },
}
SPREAD = {"least": 32, "median": 32, "most": 32}
DATASET: dict[str, Any] = {
    **RECORD,
    "id": "dat_2b",
    "name": "photos.zip",
    "description": {
        "classes": ["cat", "dog"],
        "counts": {"all": {"cat": 500, "dog": 500}},
        "images": 1000,
        "image_sizes": {
            "width": SPREAD,
            "height": SPREAD,
            "most_common": [{"width": 32, "height": 32, "images": 1000}],
        },
        "modes": {"grey": 0, "colour": 1000},
        "unreadable": [],
        "unreadable_count": 0,
        "ignored_files": 0,
    },
}
NEW_JOB: dict[str, Any] = {
    "model_id": "mod_1a",
    "dataset_id": "dat_2b",
    "spec": {"effort": "draft"},
    "labels": LABELS,
}
LATENCY = {"p50": 0.02, "p90": 0.03, "threads": 1, "cpu": "AMD EPYC"}
METRICS: dict[str, Any] = {
    "student": "small",
    "family": "resnet",
    "width": 8,
    "depth": 2,
    "quantization": "int8",
    "parameters": 20_314,
    "input": {"shape": [1, 32, 32, 3], "dtype": "uint8"},
    "output": {"shape": [1, 10], "dtype": "uint8"},
    "float32_top1": 0.841,
    "budget": {"requested": {"max_bytes": 32_768}, "kept": True},
    "images": 10_000,
    "top1": 0.842,
    "top3": 0.967,
    "top5": 0.991,
    "agreement": 0.86,
    "per_class": {"cat": 0.83, "dog": 0.85},
    "gzip_bytes": 25_102,
    "macs": 3_103_450,
    "peak_tensor_bytes": 32_768,
    "latency_ms": LATENCY,
    "smaller_x": 58.1,
    "faster_x": 30.3,
    "fewer_macs_x": 22.4,
}
VARIANT: dict[str, Any] = {
    "id": "var_4d",
    "job_id": "job_3c",
    "name": "small",
    "filename": "small.tflite",
    "bytes": 31_496,
    "sha256": SHA256,
    "metrics": METRICS,
    "created_at": MOMENT,
}
JOB: dict[str, Any] = {
    "id": "job_3c",
    "name": "resnet.keras",
    "labels": LABELS,
    "model_id": "mod_1a",
    "dataset_id": "dat_2b",
    "priority": 5,
    "device": "any",
    "state": "running",
    "stage": "train",
    "progress": 0.41,
    "eta_seconds": 93.0,
    "cancel_requested": False,
    "attempts": 1,
    "sandbox": "namespaces",
    "error": None,
    "created_at": MOMENT,
    "started_at": MOMENT,
    "finished_at": None,
}
LIMITS: dict[str, Any] = {
    "stored_bytes": 20_000_000_000,
    "open_uploads": 10,
    "unfinished_jobs": 5,
    "worker_minutes": 600,
    "keys": None,
}
USE: dict[str, Any] = {
    "stored_bytes": 104_857_600,
    "open_uploads": 0,
    "unfinished_jobs": 1,
    "worker_minutes": 12.5,
    "keys": 2,
}
ACCOUNT: dict[str, Any] = {
    "id": "acc_6f",
    "name": "ann",
    "suspended_at": None,
    "limits": LIMITS,
    "use": USE,
    "retention_days": 90,
    "created_at": MOMENT,
}
KEY: dict[str, Any] = {
    "id": "key_5e",
    "name": "laptop",
    "scopes": ["read", "upload", "jobs"],
    "job_id": None,
    "expires_at": "2027-02-20T10:00:00Z",
    "last_used_at": MOMENT,
    "created_at": MOMENT,
}
AUDIT: dict[str, Any] = {
    "id": "aud_7a",
    "actor": "key_5e",
    "action": "job.create",
    "object_id": "job_3c",
    "address": "192.0.2.7",
    "outcome": "done",
    "created_at": MOMENT,
}
WEBHOOK: dict[str, Any] = {
    "id": "whk_2b",
    "url": "https://example.org/hooks",
    "events": ["job.succeeded", "job.failed"],
    "created_at": MOMENT,
}
DELIVERY: dict[str, Any] = {
    "id": "msg_9d",
    "event": "job.succeeded",
    "object_id": "job_3c",
    "state": "pending",
    "tries": 1,
    "next_try_at": MOMENT,
    "status": 503,
    "problem": "The answer was 503.",
    "created_at": MOMENT,
}
EVENT_DATA: dict[str, Any] = {
    "id": "job_3c",
    "state": "succeeded",
    "links": {"self": "/v1/jobs/job_3c"},
}
