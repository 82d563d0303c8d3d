"""Progress of the engine, as JSON lines for the worker."""

import json
import sys
import time
from typing import Any, TextIO

from workers.compression.values import Json
from workers.compression.work_folder import CHECKPOINTED, PROGRESS

STAGES = {
    "load": 0.04,
    "plan": 0.02,
    "teach": 0.06,
    "train": 0.66,
    "quantize": 0.14,
    "export": 0.01,
    "evaluate": 0.07,
}
"""Each stage's share of the whole job's time: a rough guess, good enough for a bar."""
MIN_SECONDS_FOR_ESTIMATE = 2


class OverallProgress:
    """Turns a stage and its fraction into the fraction of the whole job and the seconds left.

    The seconds are extrapolated from the speed of the current stage; they are None during the first
    two seconds of a stage.
    """

    def __init__(self) -> None:
        self.stage = ""
        self.stage_started = 0.0
        self.fraction_at_start = 0.0

    def __call__(self, stage: str, fraction: float) -> tuple[float, float | None]:
        overall = _before(stage) + STAGES[stage] * fraction
        overall = min(1.0, overall)
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.stage_started, self.fraction_at_start = stage, now, overall
        advanced, elapsed = overall - self.fraction_at_start, now - self.stage_started
        if advanced <= 0 or elapsed <= MIN_SECONDS_FOR_ESTIMATE:
            return overall, None
        return overall, (1 - overall) * elapsed / advanced


def _before(stage: str) -> float:
    names = list(STAGES)
    return sum(STAGES[name] for name in names[: names.index(stage)])


class JsonLines:
    """Prints one JSON object per line, as docs/architecture.md describes them."""

    def __init__(self, out: TextIO = sys.stdout):
        self.out = out
        self.overall = OverallProgress()

    def __call__(self, stage: str, fraction: float, **details: Any) -> None:
        saved = details.pop("saved", False)
        overall, seconds = self.overall(stage, fraction)
        line = {
            "type": PROGRESS,
            "stage": stage,
            "progress": round(overall, 4),
            "eta_seconds": seconds,
        }
        self._write(line | details)
        if saved:
            self._write({"type": CHECKPOINTED, "epoch": details["epoch"]})

    def _write(self, line: Json) -> None:
        print(json.dumps(line), file=self.out, flush=True)
