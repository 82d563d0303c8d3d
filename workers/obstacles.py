"""What keeps this worker from doing a job now: found before the job is touched."""

import math
import shutil
from typing import Any

from service.contract.errors import StoreUnavailable
from service.contract.job import JobKind
from service.contract.records import DatasetRecord, Job, ModelRecord
from service.contract.settings import MIB
from workers.outcomes import DISK_FULL, Postponed
from workers.worker_context import WorkerContext

RESERVE = 512 * MIB
"""Bytes that stay free: of reports, checkpoints and the libraries' own files."""
MODEL_COPIES = 4
"""The file, unpacked, as a frozen graph and as .tflite."""
DATASET_COPIES = 2
"""The file, and an archive within it."""
PIXEL_COPIES = 2
ASSUMED_SIZE = 224


def find(context: WorkerContext) -> str:
    """Why this worker should take no job at all, for the log; empty if it may."""
    if context.presence.draining():
        return "an operator drains this worker"
    try:
        context.store.check()
        free = free_bytes(context)
    except (StoreUnavailable, OSError) as error:
        return str(error)
    if free < RESERVE:
        return f"{context.settings.work_dir} has only {free // MIB:,} MiB free"
    return ""


def require_space(context: WorkerContext, job: Job) -> None:
    """Raise Postponed if the job's files and decoded images would not fit on this disk."""
    needed, free = RESERVE + _needed_bytes(context, job), free_bytes(context)
    if needed > free:
        raise Postponed(DISK_FULL, f"{needed // MIB:,} MiB are needed, {free // MIB:,} are free")


def free_bytes(context: WorkerContext) -> int:
    return shutil.disk_usage(context.settings.work_dir).free


def _needed_bytes(context: WorkerContext, job: Job) -> int:
    needed = 0
    with context.sessions() as session:
        model = session.get(ModelRecord, job.model_id) if job.model_id else None
        dataset = session.get(DatasetRecord, job.dataset_id) if job.dataset_id else None
        if model:
            needed += MODEL_COPIES * model.bytes
        if dataset:
            needed += DATASET_COPIES * dataset.bytes
    if job.kind == JobKind.COMPRESSION and model and dataset:
        needed += PIXEL_COPIES * _decoded_bytes(model.description or {}, dataset.description or {})
    return needed


def _decoded_bytes(model: dict[str, Any], dataset: dict[str, Any]) -> int:
    """Of all images at the teacher's input size, one byte for each value."""
    shape = model.get("input", {}).get("shape") or [None] * 4
    sides = [side or ASSUMED_SIZE for side in shape[1:3]]
    return int(dataset.get("images", 0)) * math.prod(sides) * 3
