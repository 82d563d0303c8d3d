"""The API under load: ``python -m benchmarks.load``. All figures are ratios within one run.

The API is a process of its own, its clients are here, on the same machine.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks import results_file
from benchmarks.load import requests, rows, streams, uploads
from benchmarks.load.servers import Api, api, databases
from service.contract.records import Job

RESULTS = Path(__file__).parents[1] / "results" / "load.json"
PARTS = ("requests", "rows", "streams", "uploads")
PACKAGES = ("uvicorn", "fastapi", "sqlalchemy", "psycopg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of all uploads together")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="l2c-load-") as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            with api(Path(name) / database, url) as running:
                found[database] = measure(running, Path(name), options.parts, options.mib)
            print(json.dumps({database: found[database]}, indent=2), flush=True)
    if tuple(options.parts) == PARTS:
        results_file.write(RESULTS, found)


def measure(running: Api, folder: Path, parts: list[str], mib: int) -> dict[str, Any]:
    found: dict[str, Any] = {"api_at_rest_mib": running.memory_mib()}
    few = rows.measure(running, rows.FEW)
    rows.grow(running, 200)
    if "requests" in parts:
        with running.sessions() as session:
            job_id = session.scalars(select(Job.id)).first()
        found["get_job"] = requests.compare(running, f"/v1/jobs/{job_id}")
    if "streams" in parts:
        found["events"] = asyncio.run(streams.measure(running))
    if "uploads" in parts:
        found["uploads"] = uploads.measure(running, folder, mib)
    if "rows" in parts:
        found["rows"] = [few, *(rows.measure(running, size) for size in rows.MORE)]
    return found | {"api_peak_mib": running.memory_mib("VmHWM")}


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    main()
