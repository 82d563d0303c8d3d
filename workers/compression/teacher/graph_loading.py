"""Reads the teacher's network from its .tflite, with groups of channels that may be removed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from workers.compression.graph import INPUT, Node, TeacherGraph
from workers.compression.teacher.graph_operators import read_nodes


def read_graph(tflite: Path) -> TeacherGraph:
    """The network of a float32 .tflite, without a final softmax or sigmoid.

    The converter has folded batch normalization into its kernels.

    Raises:
        CompressionError: teacher_not_prunable, which names the operator that is not supported.
    """
    input_shape, nodes = read_nodes(tflite)
    return TeacherGraph(input_shape, _assign_groups(_fuse(nodes)))


def scale_input(graph: TeacherGraph, matrix: np.ndarray, offset: np.ndarray) -> TeacherGraph:
    """The graph for an input x from which the teacher's own is ``x @ matrix + offset``.

    The matrix is (channels, channels), the offset (channels,). They become the first node, which
    keeps all of its channels.
    """
    channels = graph.input_shape[2]
    kernel, bias = matrix[None, None].astype(np.float32), offset.astype(np.float32)
    first = Node("scaling", "conv", (INPUT,), channels, kernel=kernel, bias=bias)
    nodes = [first]
    for node in graph.nodes:
        nodes.append(_rename_inputs(node, {INPUT: first.name}))
    fused = _fuse(tuple(nodes))
    return replace(graph, nodes=_assign_groups(fused, whole=fused[0].name))


def with_two_classes(graph: TeacherGraph) -> TeacherGraph:
    """A graph with a single score gets a first class whose logit is always 0; others stay."""
    last = graph.nodes[-1]
    if last.channels > 1:
        return graph
    if last.kernel is None or last.bias is None:
        kernel, bias = np.array([[[[0.0, 1.0]]]], np.float32), np.zeros(2, np.float32)
        node = Node("two", "conv", (last.name,), 2, kernel=kernel, bias=bias)
        return replace(graph, nodes=(*graph.nodes, node))
    kernel = np.concatenate([np.zeros_like(last.kernel), last.kernel], axis=3)
    bias = np.concatenate([np.zeros_like(last.bias), last.bias])
    last = replace(last, channels=2, kernel=kernel, bias=bias)
    return replace(graph, nodes=(*graph.nodes[:-1], last))


def _fuse(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Merge activations and constants per channel into the node before, if only they read it."""
    readers = Counter(name for node in nodes for name in node.inputs)
    kept: dict[str, Node] = {}
    new_names = {INPUT: INPUT}
    for node in nodes:
        renamed = _rename_inputs(node, new_names)
        before = kept.get(renamed.inputs[0])
        fused = None
        if before and readers[node.inputs[0]] == 1:
            fused = _fuse_pair(before, node)
        if before and fused:
            kept[before.name] = fused
            new_names[node.name] = before.name
        else:
            name = f"op{len(kept)}"
            kept[name] = replace(renamed, name=name)
            new_names[node.name] = name
    return tuple(kept.values())


def _rename_inputs(node: Node, new_names: Mapping[str, str]) -> Node:
    return replace(node, inputs=tuple(new_names.get(name, name) for name in node.inputs))


def _fuse_pair(before: Node, node: Node) -> Node | None:
    """One node for both, or None where that is impossible."""
    is_pointwise = node.kind == "depthwise" and node.size == node.stride == (1, 1)
    if before.activation or not is_pointwise:
        return None
    assert node.kernel is not None and node.bias is not None
    scale, shift = node.kernel[0, 0, :, 0], node.bias
    if before.kernel is None or before.bias is None:
        # Only an addition has an activation of its own; only the identity may vanish.
        is_identity = (scale == 1).all() and not shift.any()
        if before.kind == "add" and is_identity:
            return replace(before, activation=node.activation)
        return None
    # The output channels are the last axis of a convolution's kernel, else the third.
    kernel = before.kernel * (scale if before.kind == "conv" else scale[:, None])
    bias = before.bias * scale + shift
    return replace(before, kernel=kernel, bias=bias, activation=node.activation)


def _assign_groups(nodes: tuple[Node, ...], whole: str = INPUT) -> tuple[Node, ...]:
    """Give every node its group.

    A convolution starts a group, other nodes are in that of their input, and an addition unites the
    groups of its inputs (union-find). The input, the node ``whole`` and the logits have no group.
    """
    parents = {INPUT: INPUT}

    def root(name: str) -> str:
        while parents[name] != name:
            name = parents[name]
        return name

    for node in nodes:
        parents[node.name] = node.name if node.kind == "conv" else root(node.inputs[0])
        for other in node.inputs[1:]:
            parents[root(other)] = root(node.inputs[0])
    without_group = {root(INPUT), root(whole), root(nodes[-1].name)}
    grouped = []
    for node in nodes:
        group: str | None = root(node.name)
        if group in without_group:
            group = None
        grouped.append(replace(node, group=group))
    return tuple(grouped)
