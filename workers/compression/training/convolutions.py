"""Trainable convolutions, which can be folded, pruned and fake-quantized."""

from collections.abc import Callable

import keras
from keras import ops

from workers.compression.graph import Activation
from workers.compression.student_values import MIN_FILTER_RANGE, ConvSpec
from workers.compression.training.normalization import BatchNormalization
from workers.compression.training.quantizer import Quantizer
from workers.compression.values import Tensor

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    None: lambda x: x,
    "relu": ops.relu,
    "relu6": ops.relu6,
}


class Convolution(keras.layers.Layer):
    """A convolution with its batch normalization and activation, as ``spec`` describes them.

    If ``prunable``, the kernel is multiplied by a mask of zeros and ones. In ``quantized`` mode the
    moving statistics are folded into the kernel, which is then quantized per output channel (narrow
    range): the exported file computes the same.
    """

    def __init__(self, student: str, spec: ConvSpec, inputs: int, prunable: bool = False):
        super().__init__(name=f"{student}_{spec.name}")
        self.spec = spec
        self.mode = "float"
        self.weight_bits = 8
        shape = spec.kernel_shape(inputs)
        self.weights_before_mask = self.add_weight(
            name="kernel", shape=shape, initializer="he_normal"
        )
        self.mask = None
        if prunable:
            self.mask = self.add_weight(
                name="mask", shape=shape, initializer="ones", trainable=False
            )
        self.norm = None
        if spec.norm:
            self.norm = BatchNormalization(name="norm")
            self.norm.build((0, 0, 0, spec.filters))
        else:
            self.bias = self.add_weight(name="bias", shape=(spec.filters,), initializer="zeros")
        self.quantizer = Quantizer("range")

    @property
    def kernel(self) -> Tensor:
        """(height, width, inputs, filters), with its pruned weights zero."""
        if self.mask is None:
            return self.weights_before_mask
        return self.weights_before_mask * self.mask

    def fold(self) -> tuple[Tensor, Tensor]:
        """The kernel and the bias (filters,) that contain the normalization."""
        if self.norm is None:
            return self.kernel, self.bias
        scale, shift = self.norm.scale_and_shift()
        return self._scale_kernel(scale), shift

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if self.mode == "quantized":
            y = self._call_quantized(x)
        else:
            # While ranges are calibrated, normalization is that of inference.
            y = self._call_float(x, training and self.mode == "float")
        return self.quantizer(ACTIVATIONS[self.spec.activation](y), training=training)

    def quantize_kernel(self, kernel: Tensor) -> Tensor:
        """Fake-quantize to ``weight_bits``, with one scale per output channel (the last axis)."""
        axes = tuple(range(len(kernel.shape) - 1))
        limit = ops.stop_gradient(ops.max(ops.abs(kernel), axis=axes))
        largest = ops.max(limit)
        limit = ops.maximum(limit, MIN_FILTER_RANGE * ops.where(largest > 0.0, largest, 1.0))
        return keras.quantizers.fake_quant_with_min_max_vars(
            kernel, -limit, limit, num_bits=self.weight_bits, narrow_range=True, axis=-1
        )

    def _call_float(self, x: Tensor, training: bool) -> Tensor:
        y = self._convolve(x, self.kernel)
        if self.norm is None:
            return y + self.bias
        return self.norm(y, training=training)

    def _call_quantized(self, x: Tensor) -> Tensor:
        kernel, bias = self.fold()
        return self._convolve(x, self.quantize_kernel(kernel)) + bias

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.conv(x, kernel, strides=self.spec.stride, padding=self.spec.padding)

    def _scale_kernel(self, scale: Tensor) -> Tensor:
        return self.kernel * scale


class DepthwiseConvolution(Convolution):
    """The same with one filter per channel; its kernel is (height, width, channels, 1)."""

    def quantize_kernel(self, kernel: Tensor) -> Tensor:
        return super().quantize_kernel(kernel[..., 0])[..., None]

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.depthwise_conv(x, kernel, strides=self.spec.stride, padding=self.spec.padding)

    def _scale_kernel(self, scale: Tensor) -> Tensor:
        return self.kernel * scale[:, None]
