"""The variants of finished runs of `python -m workers.local compress`, for the table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.images import Scaling
from benchmarks.peers.measure import Subject
from workers.compression.images import pixels
from workers.compression.work_folder import REPORT

FLOAT_INPUT = Scaling((pixels.MEAN,), (pixels.STD,))
"""Of files with a float input; files with an integer input take pixels."""
NOT_OURS = "teacher-int8"
"""A row of every run, but not trained by us; the table has the converter's own row for it."""


def subjects(folders: Sequence[Path]) -> list[Subject]:
    """Every variant of every run; with several runs, names start with the folder."""
    return [
        _subject(folder, report, row, len(folders) > 1)
        for folder in folders
        for report, row in _variants(folder)
    ]


def _variants(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    path = folder / REPORT
    if not path.exists():
        raise SystemExit(f"{folder} has no report.json: it is not a finished run.")
    report = json.loads(path.read_text())
    return [(report, row) for row in report["variants"] if row["name"] != NOT_OURS]


def _subject(folder: Path, report: dict[str, Any], row: dict[str, Any], several: bool) -> Subject:
    scaling = None if row["input"]["dtype"] == "uint8" else FLOAT_INPUT
    name = f"{folder.name}/{row['name']}" if several else row["name"]
    return Subject(name, folder / row["file"], scaling, report.get("minutes"), ours=True)
