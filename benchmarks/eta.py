"""Compares the estimated time to the end of a job with the true one, while it runs.

    python -m benchmarks.eta [MODEL DATA] [--effort draft]

Without files, the job is the demo's. Prints how long each stage took, the longest silence, and the
estimate's error after a tenth, a quarter, a half and three quarters of the time; appends them to
benchmarks/results/eta.json.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import demo_jobs, results_file
from service.contract.job import JobSpec
from workers.compression.work_folder import IMPORT_ROOT, PROGRESS

RESULTS = demo_jobs.RESULTS / "eta.json"
PARTS = (0.1, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Report:
    """A message of the engine, ``at`` seconds after its start."""

    at: float
    stage: str
    eta: float | None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, nargs="?", default=demo_jobs.TEACHER)
    parser.add_argument("data", type=Path, nargs="?", default=demo_jobs.DATA)
    parser.add_argument("--effort", default="draft", help="[%(default)s]")
    args = parser.parse_args()
    reports, total = run(args.model, args.data, JobSpec(effort=args.effort))
    result = {"model": args.model.name, "effort": args.effort, **summary(reports, total)}
    print(json.dumps(result, indent=2))
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    known = [each for each in known if each["model"] != result["model"]]
    results_file.write(RESULTS, {"rows": [*known, result]})


def run(model: Path, data: Path, spec: JobSpec) -> tuple[list[Report], float]:
    """What the engine's process reports, and its seconds."""
    with tempfile.TemporaryDirectory() as name:
        command = demo_jobs.prepare(Path(name), model, data, spec)
        start = time.monotonic()
        reports = []
        with subprocess.Popen(
            command, cwd=IMPORT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if line.startswith(b"{") and (message := json.loads(line))["type"] == PROGRESS:
                    at = time.monotonic() - start
                    reports.append(Report(at, message["stage"], message["eta_seconds"]))
        if process.returncode:
            raise SystemExit(f"the job ended with status {process.returncode}")
        return reports, time.monotonic() - start


def summary(reports: list[Report], total: float) -> dict[str, Any]:
    """Seconds per stage, the longest silence, and the relative errors."""
    starts = {report.stage: report.at for report in reversed(reports)}
    ordered = sorted(starts.items(), key=lambda item: item[1])
    ends = [at for _, at in ordered[1:]] + [total]
    stages = {name: round(end - at, 1) for (name, at), end in zip(ordered, ends, strict=True)}
    gaps = [(after.at - before.at, before.stage) for before, after in pairwise(reports)]
    silence, stage = max([*gaps, (total - reports[-1].at, reports[-1].stage)])
    return {
        "seconds": round(total, 1),
        "stages": stages,
        "longest_silence": {"seconds": round(silence, 1), "stage": stage},
        "first_estimate_after": next((round(r.at / total, 3) for r in reports if r.eta), None),
        "errors": {f"{part:.0%}": error(reports, total, part) for part in PARTS},
    }


def error(reports: list[Report], total: float, part: float) -> float | None:
    """Of the last estimate before ``part`` of the time: (estimated - true) / true."""
    known = [report for report in reports if report.at <= part * total and report.eta is not None]
    if not known:
        return None
    last = known[-1]
    assert last.eta is not None
    truth = total - last.at
    return round((last.eta - truth) / truth, 3)


if __name__ == "__main__":
    main()
