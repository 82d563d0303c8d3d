"""Fake quantization of activations."""

import keras
from keras import ops

from workers.compression.values import Tensor


class Quantizer(keras.layers.Layer):
    """Fake quantization of a tensor to 8 bits over a tracked range (Jacob et al. 2018, section 3).

    ``mode`` is ``float`` (changes nothing), ``calibrate`` (tracks the range) or ``quantized``
    (tracks the range and quantizes). The range is an exponential moving average of the smallest and
    largest value of each training batch, and always contains zero.
    """

    MOMENTUM = 0.95

    def __init__(self, name: str):
        super().__init__(name=name)
        self.mode = "float"
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=(), initializer="zeros", trainable=False)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if self.mode != "float" and training:
            self._track(self.low, ops.minimum(ops.min(x), 0.0))
            self._track(self.high, ops.maximum(ops.max(x), 0.0))
        if self.mode != "quantized":
            return x
        return keras.quantizers.fake_quant_with_min_max_vars(x, self.low, self.high)

    def _track(self, bound: Tensor, value: Tensor) -> None:
        value = ops.stop_gradient(value)
        average = self.MOMENTUM * bound + (1 - self.MOMENTUM) * value
        # The first batch gives the range as it is.
        bound.assign(ops.where(bound == 0.0, value, average))
