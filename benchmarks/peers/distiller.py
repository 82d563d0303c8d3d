"""keras.distillation.Distiller with its default weights, one student at a time, then int8 PTQ."""

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import teacher
from benchmarks.peers.budget import Budget, Student
from benchmarks.peers.peer import Peer


def peers(budget: Budget) -> list[Peer]:
    return [
        Peer(name, budget.key(name, student.epochs), partial(_make, budget, student))
        for student in budget.students
        for name in [f"distiller-{student.name}"]
    ]


def _make(budget: Budget, student: Student, folder: Path) -> float:
    from benchmarks.peers import students

    return students.make(student, _distiller, budget, folder)


def _distiller(student: Any) -> Any:
    """Half hard labels, half the teacher's logits at temperature 3, without its softmax.

    The default loss, the string "kl_divergence", is applied by Keras 3.15 to logits as if they were
    probabilities: it turns negative and nothing is learnt. As an object the loss works as
    documented.
    """
    import keras

    loaded = teacher.load()
    loaded.layers[-1].activation = keras.activations.linear
    soft = keras.distillation.LogitsDistillation(loss=keras.losses.KLDivergence())
    distiller = keras.distillation.Distiller(loaded, student, soft)
    # BackupAndRestore needs a model that is built.
    distiller(keras.ops.zeros((1, *student.input_shape[1:])))
    return distiller
