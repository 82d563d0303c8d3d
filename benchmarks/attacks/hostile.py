"""A hostile upload: how it is written, and which ends are right."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

READY = "ready"
"""The right end where the hostile part is ignored and the rest is whole."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Hostile:
    """``write`` writes the file; ``expected`` are codes of errors, or ``READY``."""

    name: str
    write: Callable[[Path], object]
    expected: tuple[str, ...]


def hostile(name: str, expected: str, write: Callable[[Path], object]) -> Hostile:
    """``expected`` are words, of which one is right."""
    return Hostile(name, write, tuple(expected.split()))


def write_all(attacks: Sequence[Hostile], folder: Path) -> None:
    """Write every file, and a list of them that needs none of the libraries that wrote them."""
    folder.mkdir(parents=True)
    listed = []
    for number, attack in enumerate(attacks):
        attack.write(folder / f"{number:03d}")
        listed.append({"name": attack.name, "expected": attack.expected})
    (folder / MANIFEST).write_text(json.dumps(listed))
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
