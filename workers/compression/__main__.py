"""The engine's process, as a worker starts it: ``python -m workers.compression DIR``.

DIR/task.json says what to do; work_folder.py names the files, the exit statuses and the kinds of
the JSON lines on stdout. For people there is ``python -m workers.local``.
"""

import json
import os
import sys
from pathlib import Path

from workers.compression import inspection, start
from workers.compression.errors import CompressionError, as_compression_error
from workers.compression.origin import Origin
from workers.compression.progress import JsonLines
from workers.compression.values import Json, ReportProgress
from workers.compression.work_folder import DONE, ERROR, REFUSED, REPORT, SCRATCH, TASK

MAX_TEXT = 1000


def main(folder: Path) -> int:
    """Run the task in ``folder``; write report.json, or print the error as the last line."""
    try:
        with JsonLines() as report_progress:
            report = run_task(folder, report_progress)
        _write(folder / REPORT, report)
        return DONE
    except Exception as error:
        refusal = as_compression_error(error)
        if refusal is None:
            raise
        print_error(refusal)
        return REFUSED


def run_task(folder: Path, report_progress: ReportProgress) -> Json:
    """Do what task.json says and return the content of report.json."""
    task = json.loads((folder / TASK).read_text())
    report_progress("load", 0.0)
    if task["kind"] == "model_inspection":
        return inspection.model(folder / task["model"], folder / SCRATCH, report_progress)
    if task["kind"] == "dataset_inspection":
        return inspection.dataset(folder / task["dataset"], report_progress, task["max_pixels"])

    model, dataset = folder / task["model"], folder / task["dataset"]
    origin = Origin(task["job"], task["date"])
    elapsed = task.get("elapsed_seconds", 0.0)
    spec = task["spec"]
    return start.compress(model, dataset, folder, spec, report_progress, None, origin, elapsed)


def print_error(error: CompressionError) -> None:
    """Print ``error`` as a JSON line that the worker accepts."""
    message, hint = _printable(error.message), _printable(error.hint)
    line = {"type": ERROR, "code": error.code, "message": message, "hint": hint}
    print(json.dumps(line), flush=True)


def _printable(text: str) -> str:
    # A name in an upload may contain control characters or be very long.
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_TEXT]


def _write(path: Path, report: Json) -> None:
    staged = path.with_suffix(".staged")
    staged.write_text(json.dumps(report, indent=2))
    os.replace(staged, path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
