"""One thing that a user would do without us: a name, and how it is made once and kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.images import STANDARDIZED, Scaling

MODEL, DONE = "model.tflite", "done.json"


@dataclass(frozen=True)
class Peer:
    """A row of the table. ``make`` leaves MODEL in the folder it is given and returns the minutes
    of training.

    The minutes are 0 where nothing is trained and None where others trained. ``make`` may be
    interrupted: it is called again with the same folder. ``key`` names that folder, and two budgets
    never share one.
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
