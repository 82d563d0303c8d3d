"""Trainable units that students are built of: each can be folded, pruned and fake-quantized, and
share its kernel.
"""

from typing import Any

import keras
from keras import ops

from workers.compression.training.normalization import BatchNormalization
from workers.compression.values import LEAST_REACH, Unit

ACTIVATIONS = {None: lambda x: x, "relu": ops.relu, "relu6": ops.relu6}


class Quantizer(keras.layers.Layer):
    """Fake quantization of a tensor to 8 bits over a tracked range (Jacob et al. 2018, section 3).

    ``mode`` is ``float`` (identity), ``calibrate`` (identity, tracking the range) or ``quantized``
    (both). The range is an exponential moving average of each training batch's extremes, and always
    holds zero.
    """

    MOMENTUM = 0.95

    def __init__(self, name: str):
        super().__init__(name=name)
        self.mode = "float"
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        if self.mode != "float" and training:
            self._track(self.low, ops.minimum(ops.min(x), 0.0))
            self._track(self.high, ops.maximum(ops.max(x), 0.0))
        if self.mode != "quantized":
            return x
        return keras.quantizers.fake_quant_with_min_max_vars(x, self.low, self.high)

    def _track(self, bound: Any, value: Any) -> None:
        value = ops.stop_gradient(value)
        blended = self.MOMENTUM * bound + (1 - self.MOMENTUM) * value
        bound.assign(ops.where(bound == 0.0, value, blended))


class Branch(keras.layers.Layer):
    """The identity, of whose gradient only ``PULL`` goes on.

    A student that leaves another one's layers so teaches them a little of what it needs, at little
    cost to the other (docs/experiments.md; compare the gradient equilibrium of Li et al. 2019).
    """

    PULL = 0.25

    def call(self, x: Any) -> Any:
        def identity(x: Any) -> tuple[Any, Any]:
            def weakened(*args: Any, upstream: Any = None) -> Any:
                return self.PULL * (args[0] if upstream is None else upstream)

            return x, weakened

        return ops.custom_gradient(identity)(x)


class Convolution(keras.layers.Layer):
    """Convolution, batch normalization and activation as one unit that can be folded and
    fake-quantized.

    Where ``prunable``, a mask of zeros and ones multiplies the kernel. In ``quantized`` mode the
    moving statistics are folded into the kernel before that is quantized per output channel (narrow
    range), which is the arithmetic of the exported file.
    """

    def __init__(self, student: str, unit: Unit, inputs: int, prunable: bool = False):
        super().__init__(name=f"{student}_{unit.name}")
        self.unit, self.mode, self.bits = unit, "float", 8
        shape = unit.kernel(inputs)
        self.dense = self.add_weight(name="kernel", shape=shape, initializer="he_normal")
        self.mask = (
            self.add_weight(name="mask", shape=shape, initializer="ones", trainable=False)
            if prunable
            else None
        )
        self.norm = BatchNormalization(name="norm") if unit.norm else None
        if self.norm is None:
            self.bias = self.add_weight(name="bias", shape=(unit.filters,), initializer="zeros")
        else:
            self.norm.build((None, None, None, unit.filters))
        self.quantizer = Quantizer("range")

    @property
    def kernel(self) -> Any:
        """(height, width, inputs, filters), pruned."""
        return self.dense if self.mask is None else self.dense * self.mask

    def folded(self) -> tuple[Any, Any]:
        """Kernel and bias (filters,) with the normalization's moving statistics folded in."""
        if self.norm is None:
            return self.kernel, self.bias
        scale, shift = self.norm.folded()
        return self._scaled(scale), shift

    def call(self, x: Any, training: bool = False) -> Any:
        x = (
            self._quantized(x)
            if self.mode == "quantized"
            else self._float(x, training and self.mode == "float")
        )
        return self.quantizer(ACTIVATIONS[self.unit.activation](x), training=training)

    def _float(self, x: Any, training: bool) -> Any:
        x = self._convolved(x, self.kernel)
        return x + self.bias if self.norm is None else self.norm(x, training=training)

    def _quantized(self, x: Any) -> Any:
        kernel, bias = self.folded()
        return self._convolved(x, self.rounded(kernel)) + bias

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return ops.conv(x, kernel, strides=self.unit.stride, padding=self.unit.padding)

    def _scaled(self, scale: Any) -> Any:
        return self.kernel * scale

    def rounded(self, kernel: Any) -> Any:
        """Fake-quantized to ``bits``, one scale per output channel: the kernel's last axis."""
        reach = ops.stop_gradient(
            ops.max(ops.abs(kernel), axis=tuple(range(len(kernel.shape) - 1)))
        )
        most = ops.max(reach)
        reach = ops.maximum(reach, LEAST_REACH * ops.where(most > 0.0, most, 1.0))
        return keras.quantizers.fake_quant_with_min_max_vars(
            kernel, -reach, reach, num_bits=self.bits, narrow_range=True, axis=-1
        )


class DepthwiseConvolution(Convolution):
    """The same unit with one filter per channel; its kernel is (height, width, channels, 1)."""

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return ops.depthwise_conv(x, kernel, strides=self.unit.stride, padding=self.unit.padding)

    def _scaled(self, scale: Any) -> Any:
        return self.kernel * scale[:, None]

    def rounded(self, kernel: Any) -> Any:
        return super().rounded(kernel[..., 0])[..., None]
