"""Compressions of the demo's teacher on the demo's data, as a worker runs them: for benchmarks of
what is asked.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA, TEACHER = (
    ROOT / "examples" / "fashion" / "images.zip",
    ROOT / "examples" / "fashion" / "teacher.keras",
)
RESULTS = ROOT / "benchmarks" / "results"
DONE, REFUSED = 0, 2


@dataclass(frozen=True)
class Outcome:
    """What report.json says, or in its place the typed error."""

    seconds: int
    report: dict[str, Any] | None = None
    refusal: dict[str, str] | None = None


def run(spec: Mapping[str, Any], data: Path = DATA) -> Outcome:
    """Compress by ``spec``, a JobSpec as a dict.

    Raises:
        SystemExit: where the engine fails in a way that nobody foresaw.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = {
            "kind": "compression",
            "model": str(TEACHER),
            "dataset": str(data.resolve()),
            "spec": dict(spec),
        }
        (folder / "task.json").write_text(json.dumps(task))
        started = time.monotonic()
        command = [sys.executable, "-m", "workers.compression", "work", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = round(time.monotonic() - started)
        if done.returncode == DONE:
            return Outcome(seconds, report=json.loads((folder / "report.json").read_text()))
    if done.returncode == REFUSED:
        refusal = json.loads(done.stdout.splitlines()[-1])
        return Outcome(seconds, refusal={key: refusal[key] for key in ("code", "message", "hint")})
    raise SystemExit(f"{done.stderr[-4_000:]}\nThe engine ended with status {done.returncode}.")
