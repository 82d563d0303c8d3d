"""The teacher's own network, read from its float32 .tflite, with its channels in groups that can be
made smaller.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workers.compression.teacher.graph_operators import nodes_of
from workers.compression.teacher.graph_reader import IMAGE, Node

__all__ = ["Node", "TeacherGraph", "by_importance", "read", "scaled", "two_classes"]


@dataclass(frozen=True, eq=False)
class TeacherGraph:
    """Nodes in order of execution, from images (N, *input_shape) to the last one's logits (N, 1, 1,
    classes).
    """

    input_shape: tuple[int, int, int]
    nodes: tuple[Node, ...]

    @property
    def groups(self) -> dict[str, int]:
        """The channels of each group at full width. All that a group's nodes write may lose the
        same ones.
        """
        return {node.group: node.channels for node in self.nodes if node.group}

    def read_by(self, node: Node) -> str | None:
        """The group of the node's (first) input."""
        return next((other.group for other in self.nodes if other.name == node.inputs[0]), None)


def read(tflite: Path) -> TeacherGraph:
    """The network of a float32 .tflite (batch norm folded by its converter, a final softmax or
    sigmoid dropped).

    Raises:
        CompressionError: ``teacher_not_prunable``, naming the operator that cannot be expressed.
    """
    input_shape, nodes = nodes_of(tflite)
    return TeacherGraph(input_shape, _grouped(_fused(nodes)))


def by_importance(graph: TeacherGraph) -> TeacherGraph:
    """The same function, with the channels of every group in order of importance, so that leading
    slices are the best.

    A channel counts for how strongly it is written, times how strongly it is read, over all
    convolutions that read it. Both are L2 norms of folded kernels relative to their layer's mean,
    filter norms (Li et al. 2017, "Pruning Filters for Efficient ConvNets") that hold the batch
    norm's scale (Liu et al. 2017, "Learning Efficient Convolutional Networks through Network
    Slimming"). What residual additions join is written by each of their branches.
    """
    orders: dict[str | None, np.ndarray] = {
        group: np.argsort(-scores, kind="stable") for group, scores in _importance(graph).items()
    }
    return replace(
        graph, nodes=tuple(_permuted(node, orders, graph.read_by(node)) for node in graph.nodes)
    )


def scaled(graph: TeacherGraph, matrix: np.ndarray, offset: np.ndarray) -> TeacherGraph:
    """The graph for images of another scale, whose own are ``image @ matrix + offset``.

    Shapes are (channels, channels) and (channels,). That becomes the first step; all of its
    channels stay.
    """
    channels = graph.input_shape[2]
    kernel, bias = matrix[None, None].astype(np.float32), offset.astype(np.float32)
    first = Node("scaling", "conv", (IMAGE,), channels, kernel=kernel, bias=bias)
    rest = (
        replace(node, inputs=tuple("scaling" if name == IMAGE else name for name in node.inputs))
        for node in graph.nodes
    )
    nodes = _fused((first, *rest))
    return replace(graph, nodes=_grouped(nodes, nodes[0].name))


def two_classes(graph: TeacherGraph) -> TeacherGraph:
    """The same, where it has a single score: that of the second class, beside a first one of always
    zero.
    """
    last = graph.nodes[-1]
    if last.channels > 1:
        return graph
    if last.kernel is None or last.bias is None:
        second, bias = np.array([[[[0.0, 1.0]]]], np.float32), np.zeros(2, np.float32)
        return replace(
            graph,
            nodes=(*graph.nodes, Node("two", "conv", (last.name,), 2, kernel=second, bias=bias)),
        )
    kernel = np.concatenate([np.zeros_like(last.kernel), last.kernel], axis=3)
    last = replace(
        last, channels=2, kernel=kernel, bias=np.concatenate([np.zeros_like(last.bias), last.bias])
    )
    return replace(graph, nodes=(*graph.nodes[:-1], last))


def _fused(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Activations and constants per channel merge into the node before them where nothing else
    reads that.
    """
    readers = Counter(name for node in nodes for name in node.inputs)
    kept: dict[str, Node] = {}
    renamed = {IMAGE: IMAGE}
    for node in nodes:
        inputs = tuple(renamed[name] for name in node.inputs)
        before = kept.get(inputs[0])
        if before and readers[node.inputs[0]] == 1 and (joined := _joined(before, node)):
            kept[before.name], renamed[node.name] = joined, before.name
        else:
            name = renamed[node.name] = f"op{len(kept)}"
            kept[name] = replace(node, name=name, inputs=inputs)
    return tuple(kept.values())


def _joined(before: Node, node: Node) -> Node | None:
    """Both in one, where ``node`` does the same at every pixel and ``before`` has no activation
    between them.
    """
    if (
        before.activation
        or node.kind != "depthwise"
        or (node.size, node.stride) != ((1, 1), (1, 1))
    ):
        return None
    assert node.kernel is not None and node.bias is not None
    scale, shift = node.kernel[0, 0, :, 0], node.bias
    if before.kernel is None or before.bias is None:
        same = before.kind == "add" and (scale == 1).all() and not shift.any()
        return replace(before, activation=node.activation) if same else None
    kernel = before.kernel * (scale if before.kind == "conv" else scale[:, None])
    return replace(
        before, kernel=kernel, bias=before.bias * scale + shift, activation=node.activation
    )


def _grouped(nodes: tuple[Node, ...], kept: str = IMAGE) -> tuple[Node, ...]:
    """Only a convolution begins a group, and additions unite (union-find); image, ``kept`` and
    logits stay whole.
    """
    parent = {IMAGE: IMAGE}

    def root(name: str) -> str:
        return name if parent[name] == name else root(parent[name])

    for node in nodes:
        parent[node.name] = node.name if node.kind == "conv" else root(node.inputs[0])
        for other in node.inputs[1:]:
            parent[root(other)] = root(node.inputs[0])
    whole = {root(IMAGE), root(kept), root(nodes[-1].name)}
    return tuple(
        replace(node, group=None if root(node.name) in whole else root(node.name)) for node in nodes
    )


def _importance(graph: TeacherGraph) -> dict[str, np.ndarray]:
    written = {IMAGE: np.ones(graph.input_shape[2])}
    scores: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(1))
    for node in graph.nodes:
        signal = sum((written[name] for name in node.inputs), np.zeros(1))
        if node.kind == "depthwise":
            signal = _relative(signal * _norms(node, axis=2))
        elif node.kind == "conv":
            if group := graph.read_by(node):
                scores[group] = scores[group] + _relative(signal * _norms(node, axis=2))
            signal = _relative(_norms(node, axis=3))
        written[node.name] = signal
    return dict(scores)


def _norms(node: Node, axis: int) -> np.ndarray:
    assert node.kernel is not None
    by_channel = np.moveaxis(node.kernel, axis, 0).reshape(node.kernel.shape[axis], -1)
    return np.asarray(np.linalg.norm(by_channel, axis=1))


def _relative(norms: np.ndarray) -> np.ndarray:
    return np.asarray(norms / (norms.mean() or 1))


def _permuted(node: Node, orders: Mapping[str | None, np.ndarray], read_by: str | None) -> Node:
    kernel, bias = node.kernel, node.bias
    if kernel is None or bias is None:
        return node
    if read_by in orders:
        kernel = np.take(kernel, orders[read_by], axis=2)
    if node.group in orders:
        bias = bias[orders[node.group]]
        kernel = np.take(kernel, orders[node.group], axis=3) if node.kind == "conv" else kernel
    return replace(node, kernel=kernel, bias=bias)
