"""How far the engine is, as JSON lines for the worker or as bars for a person at a terminal."""

import json
import sys
import time
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

STAGES = {
    "load": 0.04,
    "plan": 0.02,
    "teach": 0.06,
    "train": 0.66,
    "quantize": 0.14,
    "export": 0.01,
    "evaluate": 0.07,
}


class Overall:
    """Turns a stage and its fraction into the progress of the whole job and the seconds left.

    The estimate extrapolates the current stage's own pace; it is None in the first seconds of a
    stage.
    """

    def __init__(self) -> None:
        self.stage, self.started, self.begun = "", 0.0, 0.0

    def __call__(self, stage: str, fraction: float) -> tuple[float, float | None]:
        names = list(STAGES)
        before = sum(STAGES[name] for name in names[: names.index(stage)])
        overall = min(1.0, before + STAGES[stage] * fraction)
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.started, self.begun = stage, now, overall
        advanced, elapsed = overall - self.begun, now - self.started
        eta = (1 - overall) * elapsed / advanced if advanced > 0 and elapsed > 2 else None
        return overall, eta


class JsonLines:
    """One JSON object per line, as docs/architecture.md has it."""

    def __init__(self, out: TextIO = sys.stdout):
        self.out, self.overall = out, Overall()

    def __call__(self, stage: str, fraction: float, **details: Any) -> None:
        saved = details.pop("saved", False)
        overall, eta = self.overall(stage, fraction)
        self._write(
            {
                "type": "progress",
                "stage": stage,
                "progress": round(overall, 4),
                "eta_seconds": eta,
                **details,
            }
        )
        if saved:
            self._write({"type": "checkpoint", "epoch": details["epoch"]})

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=self.out, flush=True)


class Bars:
    """A progress bar with stage, epoch and accuracies; used as a context manager."""

    def __init__(self) -> None:
        self.overall, self.text = Overall(), ""
        columns = (
            TextColumn("{task.description:9}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(
            *columns, TextColumn("{task.fields[text]}"), console=Console(stderr=True)
        )
        self.task = self.progress.add_task("load", total=1.0, text="")

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, stage: str, fraction: float, **details: Any) -> None:
        overall, _ = self.overall(stage, fraction)
        if metrics := details.get("metrics"):
            self.text = "  ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        epoch = f"epoch {details['epoch']}/{details['epochs']}  " if "epoch" in details else ""
        self.progress.update(
            self.task, completed=overall, description=stage, text=epoch + self.text
        )
