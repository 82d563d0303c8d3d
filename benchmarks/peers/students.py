"""Trains and converts a small network in plain Keras layers, as a user would write it.

The training runs on any Keras backend; the conversion needs KERAS_BACKEND=tensorflow.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from benchmarks.peers import images
from benchmarks.peers.budget import Budget, Student
from benchmarks.peers.clock import Clock
from benchmarks.peers.peer import MODEL

STAGES, CLASSES = 3, 10
RATE, MOMENTUM, WARMUP = 0.1, 0.9, 0.05
WEIGHT_DECAY = 1e-3
"""Decoupled and scaled by the rate, which at momentum .9 is the 1e-4 of He et al. 2015."""

Trainer = Callable[[keras.Model], keras.Model]


def network(width: int, depth: int) -> keras.Model:
    """Images (N, 32, 32, 3) to logits (N, 10), like our students (He et al. 2015, section 4.2)."""
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.ReLU()(_normalized(pixels, width, 3, 1))
    for stage in range(STAGES):
        for block in range(depth):
            x = _block(x, width * 2**stage, 2 if stage and not block else 1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, keras.layers.Dense(CLASSES)(x), name=f"resnet_w{width}d{depth}")


def _block(x: Any, filters: int, stride: int) -> Any:
    y = keras.layers.ReLU()(_normalized(x, filters, 3, stride))
    y = _normalized(y, filters, 3, 1)
    shortcut = _normalized(x, filters, 1, stride) if stride > 1 else x
    return keras.layers.ReLU()(keras.layers.Add()([shortcut, y]))


def _normalized(x: Any, filters: int, size: int, stride: int) -> Any:
    unit = keras.layers.Conv2D(
        filters, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )
    return keras.layers.BatchNormalization()(unit(x))


def make(chosen: Student, trainer: Trainer, budget: Budget, folder: Path) -> float:
    """Train a student, unless that is done, and convert it; return the minutes of training.

    ``trainer`` wraps its network into the uncompiled model whose ``fit`` trains it.
    """
    keras.utils.set_random_seed(budget.seed)
    weights, clock = folder / "student.weights.h5", Clock(folder / "seconds.json")
    student = network(chosen.width, chosen.depth)
    if not weights.exists():
        _fit(trainer(student), budget, chosen.epochs, clock, folder / "interrupted")
        student.save_weights(weights)
        shutil.rmtree(folder / "interrupted", ignore_errors=True)
    student.load_weights(weights)
    if not budget.train_only:
        _convert(student, folder / MODEL)
    keras.backend.clear_session()
    return clock.minutes


def _fit(model: keras.Model, budget: Budget, epochs: int, clock: Clock, backup: Path) -> None:
    steps = images.steps(budget.train)
    total = epochs * steps
    warmup = max(1, round(WARMUP * total))
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 25, max(1, total - warmup), warmup_target=RATE, warmup_steps=warmup
    )
    optimizer = keras.optimizers.SGD(rate, MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=clock.begin, on_epoch_end=clock.end),
        keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False),
    ]
    data = images.batches(budget.train, budget.seed, clock.epochs)
    verbose = 1 if sys.stdout.isatty() else 2
    model.fit(
        data,
        steps_per_epoch=steps,
        epochs=epochs,
        shuffle=False,
        verbose=verbose,
        callbacks=callbacks,
    )


def _convert(student: keras.Model, path: Path) -> None:
    from benchmarks.peers.convert import converted

    path.write_bytes(
        converted(keras.Model(student.input, keras.ops.softmax(student.output)), "int8")
    )
