"""Batch normalization by the backend's own fused kernel where it has one: Keras composes it of a
dozen passes.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


class BatchNormalization(keras.layers.Layer):
    """Normalization of (batch, height, width, channels) over all but channels (Ioffe & Szegedy
    2015, section 3).

    The moving statistics are exponential averages of the batches' own; TensorFlow's kernel gives
    the unbiased variance.
    """

    MOMENTUM, EPSILON = 0.95, 1e-3

    observe: Callable[[tuple[Any, Any]], None] | None = None
    """Where set, inference hands it the mean and the variance of each eager batch."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        channels = (shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=channels, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=channels, initializer="ones", trainable=False
        )

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            if self.observe is not None:
                self.observe(ops.moments(x, axes=(0, 1, 2)))
            scale, shift = self.folded()
            return x * scale + shift
        y, mean, variance = batch_normalized(x, self.gamma, self.beta, self.EPSILON)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.MOMENTUM * moving + (1 - self.MOMENTUM) * ops.stop_gradient(value))
        return y

    def folded(self) -> tuple[Any, Any]:
        """Scale and shift (channels,) that normalize by the moving statistics."""
        scale = self.gamma * ops.rsqrt(self.moving_variance + self.EPSILON)
        return scale, self.beta - self.moving_mean * scale


def batch_normalized(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """``x`` normalized by its own statistics, and these: mean and variance (channels,)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gamma, beta = (keras.ops.convert_to_tensor(part) for part in (gamma, beta))
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
        )
        return y, mean, variance
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    return ops.batch_normalization(x, mean, variance, -1, beta, gamma, epsilon), mean, variance
