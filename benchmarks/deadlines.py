"""Compresses with max_minutes: how long it took, and what the students reached in it.

    python -m benchmarks.deadlines [--minutes 2 5 15] [--data NAME ...] [--slow]

The data: demo (Fashion-MNIST) and trashnet, with the teacher that benchmarks.trashnet has trained.
With --slow, one core and no vector extensions above AVX2. Prints a row per job and adds it to
benchmarks/results/deadlines.json. Seconds are those of the engine's process.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import demo_jobs, real_data, results_file
from service.contract.job import JobSpec
from workers.compression.work_folder import DONE, IMPORT_ROOT, REFUSED, REPORT

RESULTS = demo_jobs.RESULTS / "deadlines.json"
TRASHNET = real_data.FOLDER / "trashnet_160.tar"
INPUTS = {
    "demo": (demo_jobs.TEACHER, demo_jobs.DATA),
    "trashnet": (IMPORT_ROOT / "out" / "trashnet" / "teacher.keras", TRASHNET),
}
SLOW = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "XNNPACK_MAX_ISA": "AVX2"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 15])
    parser.add_argument("--data", choices=INPUTS, nargs="+", default=["demo"])
    parser.add_argument("--slow", action="store_true", help="one core, no AVX-512")
    args = parser.parse_args()
    for name in args.data:
        for minutes in args.minutes:
            row = run(name, minutes, args.slow)
            print(json.dumps(row), flush=True)
            _add(row)


def run(name: str, minutes: float, slow: bool) -> dict[str, Any]:
    """The row of one job."""
    model, data = INPUTS[name]
    cores = 1 if slow else len(os.sched_getaffinity(0))
    row: dict[str, Any] = {"data": name, "asked": minutes, "cores": cores, "avx2": slow}
    with tempfile.TemporaryDirectory() as scratch:
        command = demo_jobs.prepare(Path(scratch), model, data, JobSpec(max_minutes=minutes))
        if slow:
            command = ["taskset", "--cpu-list", "0", *command]
        environment = os.environ | (SLOW if slow else {})
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        row |= {"used": round((time.monotonic() - started) / 60, 2)}
        if done.returncode == REFUSED:
            error = json.loads(done.stdout.splitlines()[-1])
            return row | {"refused": f"{error['message']} {error['hint']}"}
        if done.returncode != DONE:
            raise SystemExit(done.stderr[-4_000:])
        report = json.loads((Path(scratch) / REPORT).read_text())
    recipe, students = report["recipe"], {}
    for variant in report["variants"]:
        students[variant["name"]] = {key: variant[key] for key in ("top1", "bytes")}
    training = {key: recipe[key] for key in ("epochs", "quantization_epochs", "epoch_examples")}
    return row | training | {"teacher_top1": report["baseline"]["top1"], "students": students}


def _add(row: dict[str, Any]) -> None:
    """In place of the row of the same job."""
    job = ("data", "asked", "cores", "avx2")
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    rows = [each for each in known if any(each[key] != row[key] for key in job)]
    results_file.write(RESULTS, {"rows": [*rows, row]})


if __name__ == "__main__":
    main()
