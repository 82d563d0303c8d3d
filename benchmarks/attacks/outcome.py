"""What became of one attack, and of the hostile file or request that it was."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Outcome:
    """``code`` is what the attacker was told; ``why`` says what is wrong if it is not contained."""

    name: str
    code: str
    why: str = ""

    @property
    def contained(self) -> bool:
        return not self.why

    def line(self) -> str:
        """For the pipe to the process that began the attacks."""
        return json.dumps(asdict(self))
