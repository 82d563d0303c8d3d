"""The end of each batch and epoch: reports progress and saves the checkpoint."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from workers.compression.deadline import Deadline
from workers.compression.errors import training_diverged
from workers.compression.recipe import Phase
from workers.compression.values import Json, ReportProgress

REPORT_SECONDS = 1.0


class StopInTime(keras.callbacks.Callback):
    """Ends the training after an epoch, where the deadline allows no other one."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self.deadline = deadline
        self.began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Json | None = None) -> None:
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Json | None = None) -> None:
        if not self.deadline.allows(time.monotonic() - self.began):
            self.model.stop_training = True


class EpochEnd(keras.callbacks.Callback):
    """Reports progress every second, and after each epoch the accuracies.

    After each epoch it calls ``save`` with the number of finished epochs of the phase.
    """

    def __init__(
        self,
        phase: Phase,
        report_progress: ReportProgress,
        accuracies: Callable[[], dict[str, float]],
        save: Callable[[int], None],
    ):
        super().__init__()
        self.phase = phase
        self.report_progress = report_progress
        self.accuracies = accuracies
        self.save = save
        self.epoch = self.finished = 0
        self.last_report = 0.0

    def on_epoch_begin(self, epoch: int, logs: Json | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Json | None = None) -> None:
        if time.monotonic() - self.last_report >= REPORT_SECONDS:
            self._report(self.epoch + (batch + 1) / self.params["steps"], self.epoch + 1)

    def on_epoch_end(self, epoch: int, logs: Json | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise training_diverged(f"The training diverged in epoch {epoch + 1}.")
        self.save(epoch + 1)
        self.finished = epoch + 1
        metrics = {f"{name}_top1": top1 for name, top1 in self.accuracies().items()}
        self._report(epoch + 1, epoch + 1, metrics=metrics, saved=True)

    def _report(self, finished: float, epoch: int, **details: Any) -> None:
        self.last_report = time.monotonic()
        epochs = self.phase.epochs
        fraction = min(1.0, finished / epochs)
        self.report_progress(self.phase.name, fraction, epoch=epoch, epochs=epochs, **details)
