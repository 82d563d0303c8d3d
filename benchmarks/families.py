"""What int8, fewer channels and fewer weights cost each family, on the demo's teacher and data.

    python -m benchmarks.families [--only resnet half] [--out FILE]

Trains every family's students at effort draft and exports them as int8 and float32; of nasnet and
mobilenet, which train slowly on a CPU, only the smaller two. Further jobs: the teacher's own
network whole and at half of its bytes (structured pruning), family resnet with half of its weights
zero (magnitude pruning), and with weights of 4 bits. Prints a table and writes
benchmarks/results/families.json; --only replaces the rows of its jobs. Half an hour on two idle
cores.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import demo_jobs, results_file

BOTH = {"quantizations": ["int8", "float32"]}
SMALL = [{"name": "medium", "max_bytes": 98_304}, {"name": "small", "max_bytes": 32_768}]
WHOLE, HALF = {"name": "whole", "max_bytes": 10_000_000}, {"name": "half", "max_bytes": 225_000}
JOBS: dict[str, Mapping[str, Any]] = {
    "resnet": {"family": "resnet", **BOTH},
    "nasnet": {"family": "nasnet", "variants": SMALL, **BOTH},
    "mobilenet": {"family": "mobilenet", "variants": SMALL, **BOTH},
    "pruned": {"family": "pruned", **BOTH},
    "half": {"family": "pruned", "variants": [WHOLE, HALF]},
    "sparse": {"family": "resnet", "sparsity": 0.5},
    "int4": {"family": "resnet", "quantizations": ["int4", "int8"]},
}
SIZES = ("bytes", "gzip_bytes", "macs")
FIGURES = ("name", "student", "quantization", *SIZES, "top1", "float32_top1")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(JOBS), metavar="JOB", help=", ".join(JOBS)
    )
    parser.add_argument(
        "--out", type=Path, default=demo_jobs.RESULTS / "families.json", help="[%(default)s]"
    )
    args = parser.parse_args()
    jobs = args.only or list(JOBS)
    known = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows: list[dict[str, Any]] = [
        row for row in known if row["job"] in JOBS and row["job"] not in jobs
    ]
    print(f"{'':28}{'bytes':>11}{'gzip':>11}{'MACs':>9}{'p50 ms':>9}{'top-1':>9}")
    for job in jobs:
        outcome = demo_jobs.run({"effort": "draft", **JOBS[job]})
        if outcome.report is None:
            raise SystemExit(f"{job}: {outcome.error}")
        for row in outcome.report["variants"]:
            if row["student"]:
                rows.append({"job": job} | _figures(row))
                print(_line(rows[-1]), flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        results_file.write(args.out, {"rows": rows})


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in FIGURES} | {"latency_ms": round(row["latency_ms"]["p50"], 4)}


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"{row['job']:10}{row['name']:18}{row['bytes']:>11,}{row['gzip_bytes']:>11,}"
        f"{row['macs'] / 1e6:>8.2f}M{row['latency_ms']:>9.3f}{row['top1']:>9.2%}"
    )


if __name__ == "__main__":
    main()
