"""Budgets of bytes, MACs, milliseconds and accuracy: what was requested and what was achieved.

    python -m benchmarks.budgets
    python -m benchmarks.budgets --only limits no-bytes --out out/budgets.json

Compresses the demo's teacher on the demo's data at effort draft, with several variants per job. A
budget that no student can keep is refused before the training. Prints a table and writes
benchmarks/results/budgets.json.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import demo_jobs, results_file

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One compression: the budgets of its ``variants`` by name, and other fields of its spec."""

    name: str
    variants: Mapping[str, Mapping[str, float]]
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        variants = [{"name": name, **budget} for name, budget in self.variants.items()]
        return {"effort": "draft", "variants": variants, **self.fields}


JOBS = (
    Job(
        "limits",
        {
            "bytes": {"max_bytes": 65_536},
            "macs": {"max_macs": 2_000_000},
            "latency": {"max_latency_ms": 0.03},
            "all-three": {"max_bytes": 49_152, "max_macs": 1_000_000, "max_latency_ms": 0.1},
        },
    ),
    Job(
        "accuracy",
        {
            "accurate": {"min_top1": 0.88},
            "within-bytes": {"min_top1": 0.86, "max_bytes": 65_536},
            "too-much": {"min_top1": 0.99, "max_macs": 2_000_000},
        },
    ),
    Job(
        "files",
        {"every": {"max_bytes": 98_304}},
        {"quantizations": ["int8", "float16", "int8_dynamic"]},
    ),
    Job(
        "mobilenet",
        {"bytes": {"max_bytes": 65_536}, "macs": {"max_macs": 1_500_000}},
        {"family": "mobilenet"},
    ),
    Job("nasnet", {"macs": {"max_macs": 1_000_000}}, {"family": "nasnet"}),
    Job(
        "pruned",
        {"bytes": {"max_bytes": 98_304}, "macs": {"max_macs": 2_000_000}},
        {"family": "pruned"},
    ),
    Job("no-bytes", {"tiny": {"max_bytes": 4_096}}),
    Job("no-macs", {"app": {"max_macs": 500_000}}, {"family": "mobilenet"}),
    Job("no-latency", {"instant": {"max_latency_ms": 0.0001}}),
    Job(
        "no-second",
        {"fine": {"max_bytes": 65_536}, "tiny": {"max_macs": 100_000, "max_bytes": 4_096}},
    ),
    Job("no-accuracy", {"accurate": {"min_top1": 0.8, "max_bytes": 4_096}}),
    Job("no-pruned", {"tiny": {"max_bytes": 4_096}}, {"family": "pruned"}),
)


def main() -> None:
    args = _parser().parse_args()
    rows: list[Row] = []
    print(f"  {'':18} {'requested':60} {'bytes':>9} {'MACs':>8} {'p50 ms':>8} {'top-1':>7}  kept")
    for job in [job for job in JOBS if job.name in (args.only or [job.name])]:
        print(f"\n{job.name}  {json.dumps(job.fields) if job.fields else ''}", flush=True)
        for row in run(job, args.data):
            print(_line(row), flush=True)
            rows.append(row)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        results_file.write(args.out, {"rows": rows})


def run(job: Job, data: Path) -> list[Row]:
    """A row per file, or one row with the error."""
    outcome = demo_jobs.run(job.spec, data)
    about = {"job": job.name, **job.fields, "seconds": outcome.seconds}
    if outcome.report:
        return [about | row for row in _rows(outcome.report)]
    requested = {name: dict(budget) for name, budget in job.variants.items()}
    return [about | {"requested": requested, "error": outcome.error}]


def _rows(report: Mapping[str, Any]) -> Iterator[Row]:
    for row in report["variants"]:
        if row["budget"]:
            figures = {key: row[key] for key in ("bytes", "macs", "top1", "top3", "parameters")}
            yield {
                "variant": row["name"],
                "requested": row["budget"]["requested"],
                "achieved": figures | {"latency_ms": round(row["latency_ms"]["p50"], 4)},
                "kept": row["budget"]["kept"],
                "warnings": [
                    text
                    for text in report["warnings"]
                    if f" {row['student']} ({row['quantization']}) " in text
                ],
            }


def _line(row: Row) -> str:
    if "error" in row:
        budgets = [f"{name}: {_limits(budget)}" for name, budget in row["requested"].items()]
        error = row["error"]
        refusal = f"refused in {row['seconds']} s: {error['message']} {error['hint']}"
        return f"  {'; '.join(budgets)}\n    {refusal}"
    achieved = row["achieved"]
    figures = (
        f"{achieved['bytes']:>9,} {achieved['macs'] / 1e6:>7.2f}M"
        f" {achieved['latency_ms']:>8.3f} {achieved['top1']:>7.2%}"
    )
    kept = "yes" if row["kept"] else "no"
    return "\n    ".join(
        [
            f"  {row['variant']:18} {_limits(row['requested']):60} {figures}  {kept}",
            *row["warnings"],
        ]
    )


def _limits(budget: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {figure:,}" for key, figure in budget.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.budgets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=[job.name for job in JOBS], metavar="JOB", help="these jobs"
    )
    parser.add_argument(
        "--out", type=Path, default=demo_jobs.RESULTS / "budgets.json", help="[%(default)s]"
    )
    parser.add_argument(
        "--data", type=Path, default=demo_jobs.DATA, help="another archive of class folders"
    )
    return parser


if __name__ == "__main__":
    main()
