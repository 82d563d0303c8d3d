"""Magnitude pruning: the smallest weights of each kernel become zero, more of them epoch by epoch."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

RAMP_END = 0.7


class Pruner(keras.callbacks.Callback):
    """Sets the masks of prunable kernels before each epoch; the last ones stay through what
    follows.

    The sparsity grows as s (1 - (1 - t)^3) (Zhu & Gupta 2017, section 3), t from 0 before the first
    epoch to 1 after seven tenths of ``epochs``, so that the rest of the training mends what pruning
    broke.
    """

    def __init__(self, layers: Iterable[Any], sparsity: float, epochs: int):
        super().__init__()
        units = (
            unit for each in layers for unit in each.convolutions.values() if unit.mask is not None
        )
        self.units = list(dict.fromkeys(units))  # students share some
        self.sparsity, self.ramp = sparsity, int(RAMP_END * epochs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch > self.ramp:
            return
        progress = epoch / self.ramp if self.ramp else 1.0
        for unit in self.units:
            unit.mask.assign(
                mask(np.asarray(unit.dense), self.sparsity * (1 - (1 - progress) ** 3))
            )


def mask(kernel: np.ndarray, sparsity: float) -> np.ndarray:
    """Zeros for the ``sparsity`` share of weights with the least magnitude, ones for the others."""
    least = np.argsort(np.abs(kernel), axis=None, kind="stable")[: round(sparsity * kernel.size)]
    kept = np.ones(kernel.size, np.float32)
    kept[least] = 0.0
    return kept.reshape(kernel.shape)
