"""What each operator of a float32 .tflite image classifier computes, as nodes of seven kinds,
however it is spelled.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workers.compression.teacher.graph_reader import IMAGE, Kind, Node, Operator, Shape, Walk, check


def nodes_of(tflite: Path) -> tuple[Shape, tuple[Node, ...]]:
    """The image's (height, width, channels), and a node, of no group yet, for each operator that
    computes something.

    Raises:
        CompressionError: ``teacher_not_prunable``; its message names the operator.
    """
    walk = Walk(schema.ModelT.InitFromPackedBuf(tflite.read_bytes(), 0))
    for operator in walk.operators():
        # Whatever does not see the image is arithmetic on shapes, and SHAPE is where that begins.
        if operator.name != "SHAPE" and any(tensor in walk.values for tensor in operator.inputs):
            _take(walk, operator)
    return walk.shapes[IMAGE], walk.finished()


def _take(walk: Walk, operator: Operator) -> None:
    check(operator.name in READERS, operator.name)
    check(
        not walk.scored_by or READERS[operator.name] is _reshape,
        f"{walk.scored_by} before {operator.name}",
    )
    READERS[operator.name](walk, operator)


def _conv(walk: Walk, operator: Operator) -> None:
    kernel = walk.constant(operator, 1).transpose(1, 2, 3, 0)
    check(kernel.shape[2] == walk.shape(operator)[2], f"{operator.name} with groups")
    _convolution(walk, operator, "conv", kernel, kernel.shape[3])


def _depthwise(walk: Walk, operator: Operator) -> None:
    kernel = walk.constant(operator, 1).transpose(1, 2, 3, 0)
    check(kernel.shape[2] == walk.shape(operator)[2], f"{operator.name} with a multiplier")
    _convolution(walk, operator, "depthwise", kernel, kernel.shape[2])


def _convolution(
    walk: Walk, operator: Operator, kind: Kind, kernel: np.ndarray, channels: int
) -> None:
    dilated = operator.options.dilationHFactor > 1 or operator.options.dilationWFactor > 1
    check(not dilated, f"{operator.name} with dilation")
    window = _window(operator, (kernel.shape[0], kernel.shape[1]))
    walk.add(
        operator,
        kind,
        walk.map_shape(operator),
        kernel=kernel,
        bias=walk.bias(operator, channels),
        **window,
    )


def _window(operator: Operator, size: tuple[int, int]) -> dict[str, Any]:
    options = operator.options
    check(options.strideH == options.strideW, f"{operator.name} with unequal strides")
    padding = "same" if options.padding == schema.Padding.SAME else "valid"
    return {"size": size, "stride": (options.strideH, options.strideW), "padding": padding}


def _dense(walk: Walk, operator: Operator) -> None:
    """After a flattened (h, w, c) a convolution that covers all of it; after (1, 1, c), or over
    maps, one of 1x1.
    """
    height, width, channels = walk.shape(operator)
    weights = walk.constant(operator, 1)
    size = (height, width) if weights.shape[1] == height * width * channels else (1, 1)
    check(
        weights.shape[1] == size[0] * size[1] * channels, f"{operator.name} over regrouped features"
    )
    kernel = weights.reshape(-1, *size, channels).transpose(1, 2, 3, 0)
    shape = (height - size[0] + 1, width - size[1] + 1, len(weights))
    walk.add(
        operator, "conv", shape, size=size, kernel=kernel, bias=walk.bias(operator, len(weights))
    )


def _add(walk: Walk, operator: Operator) -> None:
    names = [walk.values.get(tensor) for tensor in operator.inputs]
    if None in names:
        return _affine(walk, operator)
    check(
        len({walk.shapes[name] for name in names if name}) == 1,
        f"{operator.name} with broadcasting",
    )
    walk.add(operator, "add", walk.shape(operator))


def _affine(walk: Walk, operator: Operator) -> None:
    """A constant per channel, or one for all, added, subtracted, multiplied by or divided by."""
    names = [walk.values.get(tensor) for tensor in operator.inputs]
    check(None in names, f"{operator.name} of two computed inputs")
    place = names.index(None)
    constant, shape = walk.constant(operator, place), walk.shapes[names[1 - place] or IMAGE]
    per_channel = constant.size == 1 or constant.shape[-1] == constant.size == shape[2]
    check(per_channel, f"{operator.name} with a constant per pixel")
    scale, shift = _scale_and_shift(operator.name, place, constant.reshape(-1))
    _pointwise(walk, operator, shape, scale, shift)


def _scale_and_shift(name: str, place: int, constant: np.ndarray) -> tuple[Any, Any]:
    check((name, place) != ("DIV", 0), "DIV of a constant")
    if name == "SUB":
        return (1, -constant) if place else (-1, constant)
    return {"ADD": (1, constant), "MUL": (constant, 0), "DIV": (1 / constant, 0)}[name]


def _pointwise(
    walk: Walk, operator: Operator, shape: Shape, scale: Any, shift: Any, **fields: Any
) -> None:
    kernel = np.full((1, 1, shape[2], 1), np.reshape(scale, (-1, 1)), np.float32)
    walk.add(
        operator,
        "depthwise",
        shape,
        kernel=kernel,
        bias=np.full(shape[2], shift, np.float32),
        **fields,
    )


def _activation(walk: Walk, operator: Operator) -> None:
    _pointwise(walk, operator, walk.shape(operator), 1, 0, activation=operator.name.lower())


def _pool(walk: Walk, operator: Operator) -> None:
    kind: Kind = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    window = _window(operator, (operator.options.filterHeight, operator.options.filterWidth))
    walk.add(operator, kind, walk.map_shape(operator), **window)


def _mean(walk: Walk, operator: Operator) -> None:
    rank = len(walk.stored_shape(operator.inputs[0])) + 1
    axes = sorted(int(axis) % rank for axis in walk.constant(operator, 1).reshape(-1))
    check(rank == 4 and axes == [1, 2], f"{operator.name} over other axes than height and width")
    walk.add(operator, "mean", (1, 1, walk.shape(operator)[2]))


def _pad(walk: Walk, operator: Operator) -> None:
    pads = walk.constant(operator, 1).tolist()
    check(
        len(pads) == 4 and pads[0] == pads[3] == [0, 0],
        f"{operator.name} of other axes than height and width",
    )
    walk.add(operator, "pad", walk.map_shape(operator), pads=(tuple(pads[1]), tuple(pads[2])))


def _reshape(walk: Walk, operator: Operator) -> None:
    """Vanishes: another spelling of the same (height, width, channels), of its flat form, or of one
    row of channels.
    """
    height, width, channels = walk.shape(operator)
    target = walk.stored_shape(operator.output)
    row = height == width == 1 and target and target[-1] == channels == np.prod(target)
    same = target in ((height, width, channels), (height * width * channels,))
    check(bool(row or same), f"{operator.name} to {(1, *target)}")
    walk.values[operator.output] = walk.values[operator.inputs[0]]


def _cast(walk: Walk, operator: Operator) -> None:
    """Vanishes before the first layer, where it makes numbers of pixels."""
    check(walk.values[operator.inputs[0]] == IMAGE, operator.name)
    walk.values[operator.output] = IMAGE


def _scores(walk: Walk, operator: Operator) -> None:
    walk.values[operator.output] = walk.values[operator.inputs[0]]
    walk.scored_by = operator.name


READERS: dict[str, Callable[[Walk, Operator], None]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": _add,
    "SUB": _affine,
    "MUL": _affine,
    "DIV": _affine,
    "RELU": _activation,
    "RELU6": _activation,
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "MEAN": _mean,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "CAST": _cast,
    "SOFTMAX": _scores,
    "LOGISTIC": _scores,
}
