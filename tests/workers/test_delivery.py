"""What a job asked for at its widest is published whole: eight variants in five formats, and the
quantized teacher.
"""

import json
from datetime import timedelta
from pathlib import Path

from service.contract.job import JobSpec
from service.contract.records import Variant, now
from tests.workers.conftest import WorkerUnderTest, use_up_attempts
from workers.compression.work_folder import TASK
from workers.delivery import fetch_inputs
from workers.supervisor import supervise

ROWS = """
report["variants"] = []
names = ["v%d-%s" % (number, "x" * 29) for number in range(8)]
rows = [(name, name) for name in names] + [("teacher-int8", None)]
for quantization in ("int8_dynamic", "float16", "float32", "int4"):
    rows += [(f"{name}-{quantization}", name) for name in names]
for name, student in rows + more:
    budget = student and {"requested": {"min_top1": 0.9}, "kept": False}
    make(name, student=student, budget=budget)
"""


def test_every_file_of_every_student_is_published_with_its_row(worker: WorkerUnderTest) -> None:
    job_id = worker.job(before_report="more = []" + ROWS)
    supervise(job_id, worker.context)
    assert worker.row(job_id).state == "succeeded", worker.row(job_id).error
    variants = {variant.name: variant for variant in worker.rows(Variant, job_id)}
    assert len(variants) == 41
    for name, variant in variants.items():
        content = b"".join(worker.context.store.read(variant.key))
        assert content.startswith(name.encode())
    longest = variants[f"v0-{'x' * 29}-int8_dynamic"]
    assert longest.metrics["student"] == f"v0-{'x' * 29}"
    budget = longest.metrics["budget"]
    assert (budget["requested"]["min_top1"], budget["kept"]) == (0.9, False)
    assert (longest.top1, longest.macs, longest.latency_ms) == (0.9, 3_000_000, 1.5)
    assert {"name", "file", "sha256", "bytes"}.isdisjoint(longest.metrics)
    assert variants["teacher-int8"].metrics["budget"] is None


def test_the_names_of_that_job_may_be_asked_for() -> None:
    asked = [{"name": f"v{number}-{'x' * 29}", "max_bytes": 1} for number in range(8)]
    formats = ["int8", "int8_dynamic", "float16", "float32", "int4"]
    JobSpec.model_validate({"variants": asked, "quantizations": formats})


def test_more_files_than_a_job_can_ask_for_are_not_published(worker: WorkerUnderTest) -> None:
    job_id = worker.job(
        before_report="more = [(f'more-{number}', None) for number in range(24)]" + ROWS
    )
    use_up_attempts(worker, job_id)
    assert worker.row(job_id).state == "failed" and worker.rows(Variant, job_id) == []


def test_an_attempt_gets_all_minutes_of_the_job_whatever_earlier_ones_took(
    worker: WorkerUnderTest, tmp_path: Path
) -> None:
    job_id = worker.job()
    spec = JobSpec(max_minutes=5).model_dump(mode="json")
    worker.change(job_id, spec=spec, started_at=now() - timedelta(hours=1))
    fetch_inputs(worker.row(job_id), worker.context, tmp_path, lambda: None)
    task = json.loads((tmp_path / TASK).read_text())
    assert task["spec"]["max_minutes"] == 5
    assert 0 < task["elapsed_seconds"] < 60
