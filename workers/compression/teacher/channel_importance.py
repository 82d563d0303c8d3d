"""Sorts the channels of a teacher's graph, so that the first ones are the most important."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workers.compression.graph import INPUT, Node, TeacherGraph

Orders = Mapping[str | None, np.ndarray]
"""Channel numbers by group, the most important first."""


def sort_channels(graph: TeacherGraph) -> TeacherGraph:
    """The same function with the channels of every group in order of importance.

    The importance of a channel is the norm of the weights that write it, times the norm of the
    weights that read it, summed over all convolutions that read it ("which channels of a teacher
    matter" in docs/experiments.md). The norms are L2 norms relative to the mean of their layer:
    filter norms (Li et al. 2017, "Pruning Filters for Efficient ConvNets") of kernels that contain
    the scale of batch normalization (Liu et al. 2017, "Learning Efficient Convolutional Networks
    through Network Slimming"). A channel of an addition is written by all of its inputs.
    """
    orders: dict[str | None, np.ndarray] = {}
    for group, scores in _importance(graph).items():
        orders[group] = np.argsort(-scores, kind="stable")
    nodes = tuple(_reorder(node, orders, graph.input_group(node)) for node in graph.nodes)
    return replace(graph, nodes=nodes)


def _importance(graph: TeacherGraph) -> dict[str, np.ndarray]:
    """A score for each channel of each group."""
    written = {INPUT: np.ones(graph.input_shape[2])}
    scores: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(1))
    for node in graph.nodes:
        strength = sum((written[name] for name in node.inputs), np.zeros(1))
        if node.kind == "depthwise":
            strength = _relative(strength * _norms(node, axis=2))
        elif node.kind == "conv":
            if group := graph.input_group(node):
                scores[group] = scores[group] + _relative(strength * _norms(node, axis=2))
            strength = _relative(_norms(node, axis=3))
        written[node.name] = strength
    return dict(scores)


def _norms(node: Node, axis: int) -> np.ndarray:
    """The L2 norm of the kernel for each channel on ``axis``: 2 is read, 3 is written."""
    assert node.kernel is not None
    by_channel = np.moveaxis(node.kernel, axis, 0).reshape(node.kernel.shape[axis], -1)
    return np.asarray(np.linalg.norm(by_channel, axis=1))


def _relative(norms: np.ndarray) -> np.ndarray:
    return np.asarray(norms / (norms.mean() or 1))


def _reorder(node: Node, orders: Orders, input_group: str | None) -> Node:
    kernel, bias = node.kernel, node.bias
    if kernel is None or bias is None:
        return node
    if input_group in orders:
        kernel = np.take(kernel, orders[input_group], axis=2)
    if node.group in orders:
        bias = bias[orders[node.group]]
        if node.kind == "conv":
            kernel = np.take(kernel, orders[node.group], axis=3)
    return replace(node, kernel=kernel, bias=bias)
