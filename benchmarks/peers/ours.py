"""The variants of finished `python -m workers.compression compress` runs, as rows of the table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.images import Scaling
from benchmarks.peers.measure import Subject

CENTRED = Scaling((128.0,), (127.5,))
"""What float files take (workers.compression.training.scaled); integer files take pixels."""
NOT_OURS = "teacher-int8"
"""Stands among a run's variants although nothing was trained; the converter's own row stands for
it.
"""


def subjects(folders: Sequence[Path]) -> list[Subject]:
    """Every variant of every run; with several runs, names say of which."""
    return [
        _subject(folder, report, row, len(folders) > 1)
        for folder in folders
        for report, row in _variants(folder)
    ]


def _variants(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    path = folder / "report.json"
    if not path.exists():
        raise SystemExit(f"{folder} holds no report.json: it is no finished run.")
    report = json.loads(path.read_text())
    return [(report, row) for row in report["variants"] if row["name"] != NOT_OURS]


def _subject(folder: Path, report: dict[str, Any], row: dict[str, Any], several: bool) -> Subject:
    scaling = None if row["input"]["dtype"] == "uint8" else CENTRED
    name = f"{folder.name}/{row['name']}" if several else row["name"]
    return Subject(
        name, folder / "variants" / row["file"], scaling, report.get("minutes"), ours=True
    )
