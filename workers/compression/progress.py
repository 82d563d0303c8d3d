"""Progress of the engine, as JSON lines for the worker."""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
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
"""Each stage's share of the bar."""
MIN_MEASURED_SECONDS = 3.0
"""Of a stage, before its own speed counts."""
SILENT_SECONDS = 4.0
PREPARATION_SECONDS = {"train": 8.0, "quantize": 20.0}
"""Before the first batch of each training, mostly for compiling it."""


class OverallProgress:
    """Turns a stage and its fraction into the fraction of the whole job and the seconds left.

    The seconds are None until the stages to come have expected times, which the engine finds when
    it plans the students. A stage that has run for some seconds is estimated by its own speed, and
    the quantization-aware training by that of the training before it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.stage = ""
        self.fraction = 0.0
        self.started = 0.0
        self.first: tuple[float, float] | None = None
        """When the stage first reported work, and how much: what it did before is preparation."""
        self.expected: dict[str, float] = {}

    def __call__(
        self, stage: str, fraction: float, expected: Mapping[str, float] | None = None
    ) -> tuple[float, float | None]:
        now = self.clock()
        if stage != self.stage:
            self.stage, self.started, self.first = stage, now, None
        self.fraction = fraction
        if fraction > 0 and self.first is None:
            self.first = now, fraction
        self.expected |= expected or {}
        return self.now()

    def now(self) -> tuple[float, float | None]:
        """The same at this moment, without news from the stage."""
        now, names = self.clock(), list(STAGES)
        index = names.index(self.stage)
        following = names[index + 1 :]
        before = sum(STAGES[name] for name in names[:index])
        overall = min(1.0, before + STAGES[self.stage] * self.fraction)
        rest = self._rest_of_stage(now)
        if rest is None or not self.expected.keys() >= set(following):
            return overall, None
        if self.stage == "train":
            self._correct_quantize(now - self.started + rest)
        return overall, rest + sum(self.expected[name] for name in following)

    def _correct_quantize(self, seconds: float) -> None:
        """Its epochs are longer than expected by the factor of those of the training before it."""
        before, own = PREPARATION_SECONDS["train"], PREPARATION_SECONDS["quantize"]
        epochs = max(1.0, seconds - before)
        factor = epochs / (self.expected["train"] - before)
        self.expected["quantize"] = own + factor * (self.expected["quantize"] - own)
        self.expected["train"] = before + epochs

    def _rest_of_stage(self, now: float) -> float | None:
        if self.first and now - self.first[0] >= MIN_MEASURED_SECONDS:
            at, fraction = self.first
            if self.fraction > fraction:
                return (1 - self.fraction) * (now - at) / (self.fraction - fraction)
        if self.fraction == 1:
            return 0.0
        if self.stage not in self.expected:
            return None
        return max(0.0, self.expected[self.stage] - (now - self.started))


class JsonLines:
    """Prints one JSON object per line, as docs/architecture.md describes them.

    Used as a context manager, it repeats the last message after some seconds of silence, with the
    time that is left now: the worker and the user see that the process lives.
    """

    def __init__(self, out: TextIO = sys.stdout):
        self.out = out
        self.overall = OverallProgress()
        self._lock = threading.Lock()
        self._news, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> "JsonLines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._news.set()
        self._thread.join()

    def __call__(self, stage: str, fraction: float, **details: Any) -> None:
        saved, expected = details.pop("saved", False), details.pop("expected", None)
        with self._lock:
            self._write_progress(*self.overall(stage, fraction, expected), details)
            if saved:
                self._write({"type": CHECKPOINTED, "epoch": details["epoch"]})
        self._news.set()

    def _repeat(self) -> None:
        while not self._ended:
            if self._news.wait(SILENT_SECONDS):
                self._news.clear()
                continue
            with self._lock:
                if self.overall.stage:
                    self._write_progress(*self.overall.now(), {})

    def _write_progress(self, overall: float, seconds: float | None, details: Json) -> None:
        line = {
            "type": PROGRESS,
            "stage": self.overall.stage,
            "progress": round(overall, 4),
            "eta_seconds": seconds,
        }
        self._write(line | details)

    def _write(self, line: Json) -> None:
        print(json.dumps(line), file=self.out, flush=True)
