"""Compresses the demo's teacher on the demo's data in the engine's process, as a worker does."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.contract.job import JobSpec
from workers.compression.work_folder import DONE, IMPORT_ROOT, REFUSED, REPORT, TASK

FASHION = IMPORT_ROOT / "examples" / "fashion"
DATA, TEACHER = FASHION / "images.zip", FASHION / "teacher.keras"
RESULTS = IMPORT_ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Outcome:
    """The content of report.json, or the error in its place."""

    seconds: int
    report: dict[str, Any] | None = None
    error: dict[str, str] | None = None


def prepare(folder: Path, model: Path, dataset: Path, spec: JobSpec) -> list[str]:
    """Write the task of a compression into ``folder``; the command that runs it there."""
    task: dict[str, Any] = {"kind": "compression", "job": None, "date": "2026-01-01"}
    task |= {"model": str(model.resolve()), "dataset": str(dataset.resolve())}
    task["spec"] = spec.model_dump(mode="json")
    (folder / TASK).write_text(json.dumps(task))
    return [sys.executable, "-m", "workers.compression", str(folder)]


def run(spec: Mapping[str, Any], data: Path = DATA) -> Outcome:
    """Compress by ``spec``, the fields of a JobSpec.

    Raises:
        SystemExit: where the engine crashes.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder, TEACHER, data, JobSpec(**spec))
        started = time.monotonic()
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = round(time.monotonic() - started)
        if process.returncode == DONE:
            return Outcome(seconds, report=json.loads((folder / REPORT).read_text()))
    if process.returncode == REFUSED:
        line = json.loads(process.stdout.splitlines()[-1])
        return Outcome(seconds, error={key: line[key] for key in ("code", "message", "hint")})
    status = f"The engine ended with status {process.returncode}."
    raise SystemExit(f"{process.stderr[-4_000:]}\n{status}")
