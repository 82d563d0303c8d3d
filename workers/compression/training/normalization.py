"""Batch normalization with TensorFlow's fused kernel, where TensorFlow is the backend.

Keras computes it with a dozen operations; with the fused kernel a step takes 123 ms in place of 205
(docs/experiments.md, "where a step's time goes").
"""

from collections.abc import Callable

import keras
from keras import ops

from workers.compression.values import Shape, Tensor

Moments = tuple[Tensor, Tensor]
"""Mean and variance, both (channels,)."""


class BatchNormalization(keras.layers.Layer):
    """Normalizes (batch, height, width, channels) per channel (Ioffe & Szegedy 2015, section 3).

    The moving statistics are exponential averages of those of the batches. TensorFlow's kernel
    returns the unbiased variance, other backends the biased one; the difference is small.
    """

    MOMENTUM, EPSILON = 0.95, 1e-3

    observe: Callable[[Moments], None] | None = None
    """If set, inference calls it with the mean and variance of each batch, in eager mode."""

    def build(self, shape: Shape) -> None:
        channels = (shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=channels, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=channels, initializer="ones", trainable=False
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training:
            if self.observe is not None:
                self.observe(ops.moments(x, axes=(0, 1, 2)))
            scale, shift = self.scale_and_shift()
            return x * scale + shift
        y, mean, variance = normalize_batch(x, self.gamma, self.beta, self.EPSILON)
        self._update(self.moving_mean, mean)
        self._update(self.moving_variance, variance)
        return y

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """``x * scale + shift`` normalizes by the moving statistics; both are (channels,)."""
        scale = self.gamma * ops.rsqrt(self.moving_variance + self.EPSILON)
        return scale, self.beta - self.moving_mean * scale

    def _update(self, moving: Tensor, value: Tensor) -> None:
        moving.assign(self.MOMENTUM * moving + (1 - self.MOMENTUM) * ops.stop_gradient(value))


def normalize_batch(
    x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``x`` normalized by its own statistics, and its mean and variance (channels,)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=ops.convert_to_tensor(gamma),
            offset=ops.convert_to_tensor(beta),
            mean=[],
            variance=[],
            epsilon=epsilon,
            is_training=True,
        )
        return y, mean, variance
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    return ops.batch_normalization(x, mean, variance, -1, beta, gamma, epsilon), mean, variance
