"""What happens at the end of each batch and epoch: progress is told, and the checkpoint replaced."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from workers.compression.errors import diverged
from workers.compression.recipe import Phase
from workers.compression.values import Report

TELL_SECONDS = 1.0


class EpochEnd(keras.callbacks.Callback):
    """Tells ``report`` how far the phase is; after each epoch calls ``save(epochs done)`` and tells
    the accuracies.
    """

    def __init__(
        self,
        phase: Phase,
        report: Report,
        accuracies: Callable[[], dict[str, float]],
        save: Callable[[int], None],
    ):
        super().__init__()
        self.phase, self.report, self.accuracies, self.save = phase, report, accuracies, save
        self.epoch, self.told = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if time.monotonic() - self.told >= TELL_SECONDS:
            self._tell(self.epoch + (batch + 1) / self.params["steps"], self.epoch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise diverged(f"The training diverged in epoch {epoch + 1}.")
        self.save(epoch + 1)
        metrics = {f"{name}_top1": value for name, value in self.accuracies().items()}
        self._tell(epoch + 1, epoch + 1, metrics=metrics, saved=True)

    def _tell(self, done: float, epoch: int, **details: Any) -> None:
        self.told = time.monotonic()
        self.report(
            self.phase.name,
            min(1.0, done / self.phase.epochs),
            epoch=epoch,
            epochs=self.phase.epochs,
            **details,
        )
