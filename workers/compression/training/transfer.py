"""Family ``teacher``: its students begin as the teacher with channels left out, not as random
numbers.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops


def teach(graph: Any, teacher: Any, network: Any, batches: Iterable[Any]) -> None:
    """Give the teacher's layers the weights of its graph.

    Normalization, which the graph has folded into its kernels, comes back: each channel is
    normalized by its mean and variance over ``batches`` (scaled images) and gets them again as beta
    and gamma, so that nothing changes at first.
    """
    for node in _weighted(graph):
        _set_kernel(teacher.convolutions[node.name], node)
        _set_bias(teacher.convolutions[node.name], node.bias)
    _observe(teacher, network, batches)


def follow(
    graph: Any, teacher: Any, students: list[Any], network: Any, batches: Iterable[Any]
) -> None:
    """Give every student's layers the first channels of the teacher's.

    A channel keeps the mean and the variance that it has in the teacher, whatever channels before
    it a student lacks: the statistics move to those on ``batches`` (Cai et al. 2020, once-for-all,
    section 3.3). ``network`` runs all students.
    """
    for layers in students:
        for node in _weighted(graph):
            unit = layers.convolutions[node.name]
            _set_kernel(unit, node)
            _follow(unit, teacher.convolutions[node.name], node.bias)
    for images in batches:
        network(images, training=True)


def _weighted(graph: Any) -> list[Any]:
    return [node for node in graph.nodes if node.kernel is not None]


def _set_kernel(unit: Any, node: Any) -> None:
    unit.dense.assign(node.kernel[tuple(slice(side) for side in unit.dense.shape)])


def _set_bias(unit: Any, bias: np.ndarray) -> None:
    """As the graph has it: without normalization, or with one that only adds the bias."""
    if unit.norm is None:
        unit.bias.assign(bias)
        return
    unit.norm.moving_mean.assign(np.zeros_like(bias))
    unit.norm.moving_variance.assign(np.ones_like(bias))
    unit.norm.gamma.assign(np.full_like(bias, np.sqrt(1 + unit.norm.EPSILON)))
    unit.norm.beta.assign(bias)


def _observe(layers: Any, network: Any, batches: Iterable[Any]) -> None:
    """Measure each normalization's input while its output stays what it is; then let it do what it
    measured.
    """
    seen: dict[str, list[Any]] = {}
    for name, unit in layers.convolutions.items():
        if unit.norm is not None:
            unit.norm.observe = seen.setdefault(name, []).append
    for images in batches:
        network(images, training=False)
    for name, moments in seen.items():
        norm = layers.convolutions[name].norm
        norm.observe = None
        mean, variance = (
            np.mean([np.asarray(each[i]) for each in moments], axis=0) for i in range(2)
        )
        norm.beta.assign(np.asarray(norm.beta) + mean)
        norm.gamma.assign(np.sqrt(variance + norm.EPSILON))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)


def _follow(unit: Any, teacher: Any, bias: np.ndarray) -> None:
    if unit.norm is None:
        unit.bias.assign(bias[: unit.bias.shape[0]])
        return
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        part = getattr(unit.norm, name)
        part.assign(ops.convert_to_numpy(getattr(teacher.norm, name))[: part.shape[0]])
