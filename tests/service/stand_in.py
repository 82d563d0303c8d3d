"""Does a worker's part by writing the rows and files that a worker would write."""

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import delete, select, update

from service.app_context import AppContext
from service.contract.job import InspectionState, JobState
from service.contract.object_keys import attempt_prefix, upload_prefix
from service.contract.records import DatasetRecord, Job, JobEvent, ModelRecord, UploadPart, now
from service.contract.report import ReportedVariant
from service.contract.s3_store import S3Store
from tests.report_example import BASELINE, DATASET, MODEL, SUMMARY, TOP1, WARNINGS, row
from workers.delivery import Published

__all__ = ["BASELINE", "DATASET", "MODEL", "WARNINGS"]
FILES = {name: f"{name} tflite bytes ".encode() * 50 for name in ("large", "medium", "small")}


def upload(api: httpx.Client, kind: str, content: bytes = b"bytes of a model") -> Any:
    """A record of ``kind`` (models, datasets), still validating."""
    answer = api.post(f"/v1/{kind}/upload", params={"filename": f"{kind}.zip"}, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


def inspected(context: AppContext, record_id: str, error: dict[str, str] | None = None) -> None:
    """What inspection writes: ready with a description, or rejected with an error."""
    table = ModelRecord if record_id.startswith("mod") else DatasetRecord
    state = InspectionState.REJECTED if error else InspectionState.READY
    job_column = Job.model_id if table is ModelRecord else Job.dataset_id
    with context.sessions.begin() as session:
        description = None
        if not error:
            description = MODEL if table is ModelRecord else DATASET
        change = update(table).where(table.id == record_id)
        session.execute(change.values(state=state, error=error, description=description))
        session.execute(update(Job).where(job_column == record_id).values(state=JobState.SUCCEEDED))
        if error and error["code"] != "engine_crashed":
            upload = select(table.upload_id).where(table.id == record_id)
            session.execute(delete(UploadPart).where(UploadPart.upload_id.in_(upload)))


def stored(context: AppContext, upload_id: str) -> int:
    """How many objects lie below the upload's prefix."""
    return len(keys_below(context, upload_prefix(upload_id)))


def keys_below(context: AppContext, prefix: str) -> list[str]:
    """The keys of the store that start with ``prefix``, a folder."""
    if isinstance(context.store, S3Store):
        listed = context.store.client.list_objects_v2(Bucket=context.store.bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", ())]
    root = context.settings.data_dir / "store"
    try:
        files = [file for file in (root / prefix).rglob("*") if file.is_file()]
    except FileNotFoundError:  # deleted while it was listed
        return keys_below(context, prefix)
    return [str(file.relative_to(root)) for file in files]


def submit(api: httpx.Client, context: AppContext, **spec: Any) -> Any:
    """A queued job over a fresh model and dataset that are both ready."""
    ids = {f"{kind}_id": upload(api, f"{kind}s")["id"] for kind in ("model", "dataset")}
    for record_id in ids.values():
        inspected(context, record_id)
    answer = api.post("/v1/jobs", json={**ids, "spec": spec})
    assert answer.status_code == 201, answer.text
    return answer.json()


def move(context: AppContext, job_id: str, state: JobState, **values: Any) -> None:
    """A state, and the event that tells it."""
    with context.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(state=state, **values))
        session.add(JobEvent(job_id=job_id, attempt=1, type="state", data={"state": state}))


def progress(context: AppContext, job_id: str, fraction: float, **data: Any) -> None:
    with context.sessions.begin() as session:
        session.execute(
            update(Job).where(Job.id == job_id).values(progress=fraction, stage="train")
        )
        told = {"stage": "train", "progress": fraction, **data}
        session.add(JobEvent(job_id=job_id, attempt=1, type="progress", data=told))


def succeed(context: AppContext, job_id: str, folder: Path) -> dict[str, str]:
    """Publish three students in each quantization of the spec, both plots and the report; the
    variants' ids by name.

    Every file is right about nine images in ten, whatever was asked of it.
    """
    prefix = attempt_prefix(job_id, 1)
    for suffix in ("png", "svg"):
        _put(
            context, f"{prefix}accuracy_over_bytes.{suffix}", f"a plot as {suffix}".encode(), folder
        )
    with context.sessions.begin() as session:
        job = session.get_one(Job, job_id)
        rows = [
            _row(job, student, quantization)
            for student in FILES
            for quantization in job.spec["quantizations"]
        ]
        for each in rows:
            _put(context, prefix + each["file"], content_of(each["name"]), folder)
        report = {**SUMMARY, "baseline": BASELINE, "variants": rows}
        published = Published(prefix, report, tuple(map(ReportedVariant.model_validate, rows)))
        variants = published.rows(job)
        session.add_all(variants)
        session.flush()
        ids = {variant.name: variant.id for variant in variants}
    move(
        context,
        job_id,
        JobState.SUCCEEDED,
        report=report,
        artifacts_prefix=prefix,
        progress=1.0,
        finished_at=now(),
    )
    return ids


def content_of(name: str) -> bytes:
    """What the file of a variant holds."""
    student, _, quantization = name.partition("-")
    return FILES[student] + quantization.encode()


def _row(job: Job, student: str, quantization: str) -> dict[str, Any]:
    name, budget = student, None
    if quantization != job.spec["quantizations"][0]:
        name = f"{student}-{quantization}"
    for requested in job.spec["variants"] or ():
        if requested["name"] == student:
            limits = {key: value for key, value in requested.items() if key != "name"}
            budget = {"requested": limits, "kept": (limits["min_top1"] or 0) <= TOP1}
    figures = {"student": student, "quantization": quantization, "budget": budget}
    return row(name, content_of(name), **figures)


def _put(context: AppContext, key: str, content: bytes, folder: Path) -> None:
    file = folder / "to-be-published"
    file.write_bytes(content)
    context.store.put(key, file)


@contextmanager
def worker(
    context: AppContext,
    folder: Path,
    rejects: dict[str, str] | None = None,
    fails: dict[str, str] | None = None,
) -> Any:
    """Finishes whatever is queued until the block ends: inspections well unless ``rejects``, jobs
    unless ``fails``.
    """
    over = threading.Event()
    thread = threading.Thread(target=_work, args=(context, folder, over, rejects, fails))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _work(
    context: AppContext, folder: Path, over: threading.Event, rejects: Any, fails: Any
) -> None:
    while not over.wait(0.05):
        with context.sessions() as session:
            queued = list(session.scalars(select(Job).where(Job.state == JobState.QUEUED)))
        for job in queued:
            if job.kind != "compression":
                inspected(context, job.model_id or job.dataset_id or "", rejects)
                continue
            move(context, job.id, JobState.RUNNING, attempts=1)
            progress(
                context,
                job.id,
                0.5,
                epoch=1,
                epochs=2,
                metrics={"large_top1": 0.8},
                eta_seconds=61.0,
            )
            if fails:
                move(context, job.id, JobState.FAILED, error=fails, finished_at=now())
            else:
                succeed(context, job.id, folder)
