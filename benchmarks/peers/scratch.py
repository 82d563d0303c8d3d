"""The same students without a teacher: cross-entropy on the labels, then int8 PTQ."""

from functools import partial
from pathlib import Path

from benchmarks.peers.budget import Budget, Student
from benchmarks.peers.peer import Peer


def peers(budget: Budget) -> list[Peer]:
    return [
        Peer(name, budget.key(name, student.epochs), partial(_make, budget, student))
        for student in budget.students
        for name in [f"scratch-{student.name}"]
    ]


def _make(budget: Budget, student: Student, folder: Path) -> float:
    from benchmarks.peers import students

    return students.make(student, lambda network: network, budget, folder)
