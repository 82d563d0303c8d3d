"""A row of the table that another tool makes; it is made once and then kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.images import STANDARDIZED, Scaling

MODEL, DONE = "model.tflite", "done.json"


@dataclass(frozen=True)
class Peer:
    """A row of the table.

    ``make`` writes MODEL into the folder that it gets and returns the minutes of training: 0 if
    nothing is trained, None if others did it. After an interruption it is called again with the
    same folder. ``key`` is the folder's name; each budget has its own.
    """

    name: str
    key: str
    make: Callable[[Path], float | None]
    scaling: Scaling = STANDARDIZED

    def made(self, root: Path) -> bool:
        return (root / self.key / DONE).exists()

    def build(self, root: Path) -> None:
        folder = root / self.key
        folder.mkdir(parents=True, exist_ok=True)
        minutes = self.make(folder)
        if (folder / MODEL).exists():
            (folder / DONE).write_text(json.dumps({"minutes": minutes}) + "\n")

    def path(self, root: Path) -> Path:
        return root / self.key / MODEL

    def minutes(self, root: Path) -> float | None:
        found: float | None = json.loads((root / self.key / DONE).read_text())["minutes"]
        return found
