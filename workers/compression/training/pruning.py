"""Magnitude pruning: the smallest weights of each kernel become zero, more of them every epoch."""

from collections.abc import Iterable

import keras
import numpy as np

from workers.compression.training.convolutions import Convolution
from workers.compression.training.networks import StudentLayers
from workers.compression.values import Json, Tensor

RAMP_SHARE = 0.7
"""Of the epochs, in which the sparsity grows; in the rest the weights adapt to it."""


class Pruner(keras.callbacks.Callback):
    """Sets the masks of prunable kernels before each epoch; the last masks stay.

    The sparsity grows as s (1 - (1 - t)^3) (Zhu & Gupta 2017, section 3), with t from 0 before the
    first epoch to 1 after seven tenths of ``epochs``. Pruning before the first epoch costs more
    ("when magnitude pruning begins" in docs/experiments.md).
    """

    def __init__(self, students: Iterable[StudentLayers], sparsity: float, epochs: int):
        super().__init__()
        # By the layer, since students share some.
        self.masks: dict[Convolution, Tensor] = {}
        for student in students:
            for convolution in student.convolutions.values():
                if convolution.mask is not None:
                    self.masks[convolution] = convolution.mask
        self.sparsity = sparsity
        self.ramp = int(RAMP_SHARE * epochs)

    def on_epoch_begin(self, epoch: int, logs: Json | None = None) -> None:
        if epoch > self.ramp:
            return
        progress = epoch / self.ramp if self.ramp else 1.0
        sparsity = self.sparsity * (1 - (1 - progress) ** 3)
        for convolution, mask in self.masks.items():
            weights = np.asarray(convolution.weights_before_mask)
            mask.assign(magnitude_mask(weights, sparsity))


def magnitude_mask(kernel: np.ndarray, sparsity: float) -> np.ndarray:
    """Float32 zeros for the smallest weights, a share of ``sparsity``, and ones for the others."""
    order = np.argsort(np.abs(kernel), axis=None, kind="stable")
    mask = np.ones(kernel.size, np.float32)
    mask[order[: round(sparsity * kernel.size)]] = 0.0
    return mask.reshape(kernel.shape)
