"""Measures the minutes of a training, also of one that is interrupted."""

import json
import time
from pathlib import Path


class Clock:
    """Seconds per finished epoch, kept in a file.

    Give ``begin`` and ``end`` to a LambdaCallback of any Keras.
    """

    def __init__(self, path: Path):
        self.path = path
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def begin(self, epoch: int, logs: object = None) -> None:
        self.started = time.monotonic()

    def end(self, epoch: int, logs: object = None) -> None:
        self.seconds[str(epoch)] = time.monotonic() - self.started
        self.path.write_text(json.dumps(self.seconds))

    @property
    def epochs(self) -> int:
        """Finished ones."""
        return len(self.seconds)

    @property
    def minutes(self) -> float:
        return sum(self.seconds.values()) / 60
