"""The same student without a teacher: cross-entropy on the labels, then int8 by the converter."""

from functools import partial
from pathlib import Path

from benchmarks.peers.budget import Budget
from benchmarks.peers.peer import Peer


def peers(budget: Budget) -> list[Peer]:
    return [
        Peer(name, budget.key(name, budget.epochs), partial(_make, budget, shape))
        for shape in budget.students
        for name in [f"scratch-w{shape[0]}d{shape[1]}"]
    ]


def _make(budget: Budget, shape: tuple[int, int], folder: Path) -> float:
    from benchmarks.peers import students

    return students.make(shape, lambda student: student, budget, folder)
