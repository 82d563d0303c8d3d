"""TrashNet with teachers made of networks that were pre-trained on ImageNet.

    python -m benchmarks.photos [--teachers efficientnet-lite0 resnet50] [--minutes N] [--out DIR]

benchmarks.photos.teacher makes each teacher; then the engine compresses it, at effort standard or
within --minutes. What is finished is not repeated, and an interrupted compression is continued.
Prints a table and the minutes of each stage; writes benchmarks/results/photos.json.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import demo_jobs, real_data, results_file
from benchmarks.photos.teacher import BACKBONES
from service.contract.job import JobSpec
from workers.compression.work_folder import ERROR, PROGRESS, REPORT

DATA = real_data.FOLDER / "trashnet_160.tar"
RESULTS = demo_jobs.RESULTS / "photos.json"
FIGURES = ("bytes", "macs", "top1", "top3", "latency_ms", "images", "agreement")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teachers", choices=sorted(BACKBONES), nargs="+", default=list(BACKBONES))
    parser.add_argument("--family", default="auto", help="[%(default)s]")
    parser.add_argument("--minutes", type=float, help="max_minutes of the job [effort standard]")
    parser.add_argument("--out", type=Path, default=Path("out/photos"), help="[%(default)s]")
    args = parser.parse_args()
    real_data.require()
    for name in args.teachers:
        teacher = args.out / f"{name}.keras"
        if not teacher.exists():
            args.out.mkdir(parents=True, exist_ok=True)
            make = [sys.executable, "-m", "benchmarks.photos.teacher", name, DATA, teacher]
            subprocess.run(list(map(str, make)), check=True)
        spec = JobSpec(family=args.family, max_minutes=args.minutes)
        publish(name, compress(teacher, args.out / f"{name}-{args.family}", spec), spec)


def compress(teacher: Path, folder: Path, spec: JobSpec) -> dict[str, Any]:
    """The report of the job in ``folder``, with the minutes of each stage as ``stages``."""
    done = folder / "done.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        stages: dict[str, float] = {}
        command = demo_jobs.prepare(folder, teacher, DATA, spec)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            before = time.monotonic()
            for line in process.stdout or ():
                message = json.loads(line)
                if message["type"] == ERROR:
                    raise SystemExit(f"{message['message']} {message['hint']}")
                if message["type"] == PROGRESS:
                    now, stage = time.monotonic(), message["stage"]
                    stages[stage] = stages.get(stage, 0.0) + now - before
                    before = now
        if process.returncode:
            raise SystemExit(process.returncode)
        report = json.loads((folder / REPORT).read_text())
        minutes = {stage: round(seconds / 60, 2) for stage, seconds in stages.items()}
        done.write_text(json.dumps(report | {"stages": minutes}, indent=2))
    return dict(json.loads(done.read_text()))


def publish(teacher: str, report: dict[str, Any], spec: JobSpec) -> None:
    """Print the rows, and write them in place of earlier ones of this teacher and family."""
    baseline, recipe = report["baseline"], report["recipe"]
    shared = {"teacher": teacher, "family": recipe["family"], "max_minutes": spec.max_minutes}
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    rows = [each for each in known if any(each[key] != shared[key] for key in shared)]
    for row in [baseline, *report["variants"]]:
        figures = {key: row[key] for key in FIGURES}
        compared = {"teacher_top1": baseline["top1"], "teacher_bytes": baseline["bytes"]}
        own = {"name": row["name"], "ours": bool(row.get("student")), **figures, **compared}
        own["top1_difference"] = row["top1_difference"]
        rows.append(shared | own | {"minutes": sum(report["stages"].values())})
        print(
            f"{row['name']:14}{row['bytes']:12,}{row['macs'] / 1e6:9.1f} M{row['top1']:8.2%}"
            f"{row['latency_ms']['p50']:8.2f} ms"
        )
    print(report["stages"], f"{recipe['epochs']} epochs of {recipe['family']}", report["warnings"])
    results_file.write(RESULTS, {"rows": rows})


if __name__ == "__main__":
    main()
