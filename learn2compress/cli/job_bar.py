"""How far a job is: a bar at a terminal; elsewhere a line for each stage and minute."""

import threading
from collections.abc import Mapping
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

SECONDS_BETWEEN_LINES = 60
BAR_WIDTH = 20
"""Columns, so that text remains beside the bar on a terminal of 80."""


class JobBar:
    """Shows a job on stderr; used as a context manager. ``quiet``: shows nothing."""

    def __init__(self, quiet: bool = False):
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns = (
            TextColumn("{task.description:8}", markup=False),
            BarColumn(BAR_WIDTH),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False, table_column=rest),
        )
        self._has_lines = not self._console.is_terminal
        self._bars = Progress(
            *columns, console=self._console, expand=True, disable=quiet or self._has_lines
        )
        self._task = self._bars.add_task("", total=1.0, note="")
        self._stage, self._line, self._done = "", "", 0.0
        self._ended = threading.Event()
        self._minutes = threading.Thread(target=self._repeat_line, daemon=True)

    def __enter__(self) -> "JobBar":
        self._bars.start()
        if self._has_lines:
            self._minutes.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._bars.stop()

    def show(self, stage: str, done: float | None = None, note: str = "") -> None:
        """``done`` is the fraction of the whole job, if it changed; ``note`` what else is known."""
        self._done = done = self._done if done is None else done
        self._bars.update(self._task, description=stage, completed=done, note=note)
        self._line = f"{stage:8} {done:4.0%}  {note}".rstrip()
        if self._has_lines and stage != self._stage:
            self._print_line()
        self._stage = stage

    def _repeat_line(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LINES):
            self._print_line()

    def _print_line(self) -> None:
        if self._line:
            text = f"{datetime.now():%H:%M:%S}  {self._line}"
            self._console.print(text, markup=False, soft_wrap=True)


def note(
    epoch: int | None, epochs: int | None, metrics: Mapping[str, float], seconds: float | None
) -> str:
    """E.g. ``epoch 3/20  1:33 left  large 0.812``; the rest is cut off on a narrow terminal."""
    parts = []
    if epoch is not None:
        parts.append(f"epoch {epoch}/{epochs or '?'}")
    if seconds is not None:
        parts.append(f"{_duration(seconds)} left")
    for name, value in metrics.items():
        parts.append(f"{name.removesuffix('_top1')} {value:.3f}")
    return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
