"""Jobs that go through faults: each has to end once, with its variants, and leave nothing behind.

    python -m benchmarks.faults [--only WORDS] [--runs N] [--engine]

Starts PostgreSQL, Redis, SeaweedFS and Celery workers for each row, with a small stand-in child
that trains 15 epochs of 0.2 s, or as long as the fault lasts; with --engine, once with the real
engine, which trains three students of a small teacher. Writes benchmarks/results/faults.json; exit
code 1 when a job did not survive. An hour in all; as root, because the full disk is a small file
system of its own.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import results_file
from benchmarks.faults import engine
from benchmarks.faults.faults import ROWS, Row
from benchmarks.faults.judging import Verdict, judge
from benchmarks.faults.site import ENGINE, STAND_IN, Site

RESULTS = Path(__file__).parents[1] / "results" / "faults.json"
TIMINGS = {"lease_seconds": 5.0, "reap_seconds": 1.0, "retry_seconds": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="rows whose name has these words in it")
    parser.add_argument("--runs", type=int, help="instead of 10, or 3 for faults of 45 s and more")
    parser.add_argument("--engine", action="store_true", help="the real engine, one run a row")
    options = parser.parse_args()
    table = "rows_with_the_engine" if options.engine else "rows"
    for row in ROWS:
        if options.only in row.name:
            runs = options.runs or (1 if options.engine else row.runs)
            keep(measure(row, runs, options.engine), table)
    kept = json.loads(RESULTS.read_text())[table]
    sys.exit(any(row["survived"] < row["runs"] for row in kept))


def measure(row: Row, runs: int, with_engine: bool) -> dict[str, Any]:
    verdicts = [one_run(row, number, with_engine) for number in range(1, runs + 1)]
    return {
        "fault": row.name,
        "runs": runs,
        "survived": sum(verdict.survived for verdict in verdicts),
        "median_recovery_s": median(verdict.recovery_seconds for verdict in verdicts),
        "epochs_repeated": sum(verdict.epochs_repeated for verdict in verdicts),
        "orphans": sum(verdict.orphans for verdict in verdicts),
        "attempts": sorted(verdict.attempts for verdict in verdicts),
        "problems": [verdict.why for verdict in verdicts if verdict.why],
    }


def one_run(row: Row, number: int, with_engine: bool) -> Verdict:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="l2c-fault-")))
        site = Site(folder, stack, row.s3, TIMINGS, ENGINE if with_engine else STAND_IN)
        for _ in range(row.workers):
            site.start_worker()
        job_id = engine.job(site.jobs) if with_engine else site.jobs.job(**row.behaviour)
        site.notify(job_id)
        row.inject(site, job_id)
        verdict = judge(site, job_id)
    print(f"{row.name}, run {number}: {asdict(verdict)}", flush=True)
    return verdict


def keep(row: dict[str, Any], table: str) -> None:
    """Replace the row in this table of the file, or add it."""
    found: dict[str, Any] = {"settings": TIMINGS}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text())
    others = [each for each in found.get(table, ()) if each["fault"] != row["fault"]]
    order = [each.name for each in ROWS]
    found[table] = sorted([*others, row], key=lambda each: order.index(each["fault"]))
    results_file.write(RESULTS, found)


if __name__ == "__main__":
    main()
