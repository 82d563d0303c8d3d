"""Family ``pruned``: its students start with the teacher's weights, not with random ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import keras
import numpy as np
from keras import ops

from workers.compression.graph import TeacherGraph
from workers.compression.training.convolutions import Convolution
from workers.compression.training.networks import StudentLayers
from workers.compression.training.normalization import BatchNormalization, Moments
from workers.compression.values import Tensor

NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")


def load_graph_weights(
    graph: TeacherGraph,
    teacher: StudentLayers,
    network: keras.Model,
    batches: Iterable[Tensor],
) -> None:
    """Give the teacher's layers the weights of its graph.

    The graph has batch normalization folded into its kernels. Here it is added again, with mean and
    variance averaged over ``batches`` (scaled features). gamma = sqrt(variance + epsilon) and
    beta = bias + mean cancel them, so that the network still computes the same.
    """
    for name, kernel, bias in _weights(graph):
        convolution = teacher.convolutions[name]
        _set_kernel(convolution, kernel)
        _set_bias(convolution, bias)
    _restore_normalization(teacher, network, batches)


def copy_teacher_weights(
    graph: TeacherGraph,
    teacher: StudentLayers,
    students: list[StudentLayers],
    network: keras.Model,
    batches: Iterable[Tensor],
) -> None:
    """Give every student's layers the first channels of the teacher's.

    These are the most important ones, see channel_importance.py. Gamma and beta are the teacher's,
    so each channel has about the same mean and variance as there. Its input differs, because
    channels before it are missing: so the moving statistics are updated on ``batches`` (Cai et al.
    2020, once-for-all, section 3.3). ``network`` runs all students.
    """
    for layers in students:
        for name, kernel, bias in _weights(graph):
            convolution = layers.convolutions[name]
            _set_kernel(convolution, kernel)
            _copy_normalization(convolution, teacher.convolutions[name], bias)
    for features in batches:
        # Updates the moving statistics.
        network(features, training=True)


def _weights(graph: TeacherGraph) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The name, kernel and bias of each node that has weights."""
    for node in graph.nodes:
        if node.kernel is not None and node.bias is not None:
            yield node.name, node.kernel, node.bias


def _set_kernel(convolution: Convolution, kernel: np.ndarray) -> None:
    first_channels = tuple(slice(side) for side in convolution.weights_before_mask.shape)
    convolution.weights_before_mask.assign(kernel[first_channels])


def _set_bias(convolution: Convolution, bias: np.ndarray) -> None:
    """Set the bias; a normalization is set to add the bias and change nothing else."""
    norm = convolution.norm
    if norm is None:
        convolution.bias.assign(bias)
        return
    norm.moving_mean.assign(np.zeros_like(bias))
    norm.moving_variance.assign(np.ones_like(bias))
    norm.gamma.assign(np.full_like(bias, np.sqrt(1 + norm.EPSILON)))
    norm.beta.assign(bias)


def _restore_normalization(
    layers: StudentLayers, network: keras.Model, batches: Iterable[Tensor]
) -> None:
    """Measure the input of each normalization, then normalize by what was measured."""
    observed: dict[BatchNormalization, list[Moments]] = defaultdict(list)
    for convolution in layers.convolutions.values():
        if convolution.norm is not None:
            convolution.norm.observe = observed[convolution.norm].append
    for features in batches:
        network(features, training=False)
    for norm, moments in observed.items():
        norm.observe = None
        mean, variance = np.mean([np.asarray(pair) for pair in moments], axis=0)
        norm.beta.assign(np.asarray(norm.beta) + mean)
        norm.gamma.assign(np.sqrt(variance + norm.EPSILON))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)


def _copy_normalization(convolution: Convolution, teacher: Convolution, bias: np.ndarray) -> None:
    if convolution.norm is None:
        convolution.bias.assign(bias[: convolution.bias.shape[0]])
        return
    for name in NORM_VARIABLES:
        variable = getattr(convolution.norm, name)
        values = ops.convert_to_numpy(getattr(teacher.norm, name))
        variable.assign(values[: variable.shape[0]])
