"""The layer between the shared layers and a smaller student."""

from collections.abc import Callable

import keras
from keras import ops

from workers.compression.values import Tensor


class Branch(keras.layers.Layer):
    """The identity, with its gradient multiplied by GRADIENT_SCALE.

    A smaller student so teaches the layers that it shares a little of what it needs, at little cost
    to the largest one ("how much the small students pull at the trunk" in docs/experiments.md;
    compare the gradient equilibrium of Li et al. 2019).
    """

    GRADIENT_SCALE = 0.25

    def call(self, x: Tensor) -> Tensor:
        def identity(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
            # TensorFlow gives the gradient as the first argument, jax by name.
            def gradient(*args: Tensor, upstream: Tensor = None) -> Tensor:
                return self.GRADIENT_SCALE * (args[0] if upstream is None else upstream)

            return x, gradient

        return ops.custom_gradient(identity)(x)
