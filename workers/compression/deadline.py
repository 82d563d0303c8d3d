"""When a job has to be finished, where the user gave it a number of minutes."""

import math
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadline:
    """``seconds`` from the job's claim on, of which ``elapsed`` were over when this was made.

    ``seconds`` is infinite for a job without a deadline. ``reserve`` are those that the job needs
    after its float training.
    """

    seconds: float = math.inf
    elapsed: float = 0.0
    reserve: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, max_minutes: float | None, elapsed: float) -> "Deadline":
        return cls(math.inf if max_minutes is None else 60 * max_minutes, elapsed)

    @property
    def exists(self) -> bool:
        return self.seconds < math.inf

    def used(self) -> float:
        """Seconds since the claim."""
        return self.elapsed + time.monotonic() - self.started

    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.seconds - self.used()

    def allows(self, seconds: float) -> bool:
        """Whether the float training may go on for so long."""
        return self.left() - self.reserve >= seconds
