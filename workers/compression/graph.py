"""A teacher's network as plain data: nodes in order of execution, without TensorFlow or Keras."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

INPUT = "input"
"""The name of the graph's input among the inputs of its nodes."""

Kind = Literal["conv", "depthwise", "add", "mean", "max_pool", "average_pool", "pad"]
Activation = Literal["relu", "relu6"] | None
Padding = Literal["same", "valid"]
Pads = tuple[tuple[int, int], tuple[int, int]]
MapShape = tuple[int, int, int]
"""Height, width and channels."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation on a tensor (N, height, width, channels); an ``activation`` follows it.

    ``inputs`` are the names of earlier nodes, or INPUT. ``size`` and ``stride`` are (height, width)
    in pixels, (1, 1) where the kind has none. ``pads`` are zeros before and after (height, width).
    Kind "mean" returns (N, 1, 1, channels).

    ``kernel`` is float32: (height, width, in, out) of a conv, (height, width, channels, 1) of a
    depthwise convolution. Only these two kinds have a ``bias``, shape (channels,).

    All nodes of one ``group`` must keep the same channels. A node without a group keeps all of its
    channels.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int
    group: str | None = None
    activation: Activation = None
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "valid"
    pads: Pads = ((0, 0), (0, 0))
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TeacherGraph:
    """A network from images (N, *input_shape) to the last node's logits (N, 1, 1, classes)."""

    input_shape: MapShape
    nodes: tuple[Node, ...]

    @property
    def groups(self) -> dict[str, int]:
        """Each group's number of channels in the whole teacher."""
        return {node.group: node.channels for node in self.nodes if node.group}

    def input_group(self, node: Node) -> str | None:
        """The group of the tensor that ``node`` reads first."""
        for other in self.nodes:
            if other.name == node.inputs[0]:
                return other.group
        return None
