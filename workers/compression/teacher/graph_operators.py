"""Turns each operator of a float32 .tflite image classifier into a node of one of seven kinds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workers.compression.graph import INPUT, Activation, Kind, MapShape, Node
from workers.compression.teacher.graph_reader import GraphReader, NodeFields, Operator, check

Factor = np.ndarray | int
"""One number per channel, or one for all."""


def read_nodes(tflite: Path) -> tuple[MapShape, tuple[Node, ...]]:
    """The input's (height, width, channels), and a node for each operator that computes something.

    The nodes have no groups yet.

    Raises:
        CompressionError: teacher_not_prunable; its message names the operator.
    """
    reader = GraphReader(schema.ModelT.InitFromPackedBuf(tflite.read_bytes(), 0))
    for operator in reader.operators():
        # Operators that do not read the image compute shapes; all of these start with SHAPE.
        if operator.name != "SHAPE" and any(reader.input_nodes(operator)):
            _read(reader, operator)
    return reader.shapes[INPUT], reader.finish()


def _read(reader: GraphReader, operator: Operator) -> None:
    check(operator.name in OPERATORS, operator.name)
    is_last = not reader.score_operator or OPERATORS[operator.name] is _reshape
    check(is_last, f"{reader.score_operator} before {operator.name}")
    OPERATORS[operator.name](reader, operator)


def _conv(reader: GraphReader, operator: Operator) -> None:
    kernel = reader.constant(operator, 1).transpose(1, 2, 3, 0)
    check(kernel.shape[2] == reader.input_shape(operator)[2], f"{operator.name} with groups")
    _add_convolution(reader, operator, "conv", kernel, kernel.shape[3])


def _depthwise(reader: GraphReader, operator: Operator) -> None:
    kernel = reader.constant(operator, 1).transpose(1, 2, 3, 0)
    has_multiplier = kernel.shape[2] != reader.input_shape(operator)[2]
    check(not has_multiplier, f"{operator.name} with a multiplier")
    _add_convolution(reader, operator, "depthwise", kernel, kernel.shape[2])


def _add_convolution(
    reader: GraphReader, operator: Operator, kind: Kind, kernel: np.ndarray, channels: int
) -> None:
    options = operator.options
    has_dilation = options.dilationHFactor > 1 or options.dilationWFactor > 1
    check(not has_dilation, f"{operator.name} with dilation")
    fields = _window(operator, (kernel.shape[0], kernel.shape[1]))
    fields = replace(fields, kernel=kernel, bias=reader.bias(operator, channels))
    reader.add_node(operator, kind, reader.output_shape(operator), fields)


def _window(operator: Operator, size: tuple[int, int]) -> NodeFields:
    options = operator.options
    check(options.strideH == options.strideW, f"{operator.name} with different strides")
    stride = (options.strideH, options.strideW)
    if options.padding == schema.Padding.SAME:
        return NodeFields(size, stride, "same")
    return NodeFields(size, stride, "valid")


def _dense(reader: GraphReader, operator: Operator) -> None:
    """A dense layer over a flattened map is a convolution as large as the map, any other is 1x1."""
    height, width, channels = reader.input_shape(operator)
    weights = reader.constant(operator, 1)
    size = (1, 1)
    if weights.shape[1] == height * width * channels:
        size = (height, width)
    is_regrouped = weights.shape[1] != size[0] * size[1] * channels
    check(not is_regrouped, f"{operator.name} over regrouped features")
    kernel = weights.reshape(-1, *size, channels).transpose(1, 2, 3, 0)
    shape = (height - size[0] + 1, width - size[1] + 1, len(weights))
    fields = NodeFields(size, kernel=kernel, bias=reader.bias(operator, len(weights)))
    reader.add_node(operator, "conv", shape, fields)


def _add(reader: GraphReader, operator: Operator) -> None:
    nodes = reader.input_nodes(operator)
    if None in nodes:
        _affine(reader, operator)
        return
    shapes = {reader.shapes[name] for name in nodes if name}
    check(len(shapes) == 1, f"{operator.name} with broadcasting")
    reader.add_node(operator, "add", reader.input_shape(operator), NodeFields())


def _affine(reader: GraphReader, operator: Operator) -> None:
    """Addition, subtraction, multiplication or division with a constant, per channel or for all."""
    nodes = reader.input_nodes(operator)
    check(None in nodes, f"{operator.name} of two computed inputs")
    place = nodes.index(None)
    constant, shape = reader.constant(operator, place), reader.shapes[nodes[1 - place] or INPUT]
    per_channel = constant.size == 1 or constant.shape[-1] == constant.size == shape[2]
    check(per_channel, f"{operator.name} with a constant per pixel")
    scale, shift = _scale_and_shift(operator.name, place, constant.reshape(-1))
    _add_pointwise(reader, operator, shape, scale, shift)


def _scale_and_shift(name: str, place: int, constant: np.ndarray) -> tuple[Factor, Factor]:
    """The operation as ``x * scale + shift``; ``place`` is that of the constant, 0 or 1."""
    check((name, place) != ("DIV", 0), "DIV of a constant")
    if name == "ADD":
        return 1, constant
    if name == "SUB" and place == 0:
        return -1, constant
    if name == "SUB":
        return 1, -constant
    if name == "MUL":
        return constant, 0
    return 1 / constant, 0


def _add_pointwise(
    reader: GraphReader,
    operator: Operator,
    shape: MapShape,
    scale: Factor,
    shift: Factor,
    activation: Activation = None,
) -> None:
    kernel = np.full((1, 1, shape[2], 1), np.reshape(scale, (-1, 1)), np.float32)
    bias = np.full(shape[2], shift, np.float32)
    fields = NodeFields(kernel=kernel, bias=bias, activation=activation)
    reader.add_node(operator, "depthwise", shape, fields)


def _relu(reader: GraphReader, operator: Operator) -> None:
    _add_pointwise(reader, operator, reader.input_shape(operator), 1, 0, "relu")


def _relu6(reader: GraphReader, operator: Operator) -> None:
    _add_pointwise(reader, operator, reader.input_shape(operator), 1, 0, "relu6")


def _max_pool(reader: GraphReader, operator: Operator) -> None:
    _add_pool(reader, operator, "max_pool")


def _average_pool(reader: GraphReader, operator: Operator) -> None:
    _add_pool(reader, operator, "average_pool")


def _add_pool(reader: GraphReader, operator: Operator, kind: Kind) -> None:
    fields = _window(operator, (operator.options.filterHeight, operator.options.filterWidth))
    reader.add_node(operator, kind, reader.output_shape(operator), fields)


def _mean(reader: GraphReader, operator: Operator) -> None:
    rank = len(reader.stored_shape(operator.inputs[0])) + 1
    axes = sorted(int(axis) % rank for axis in reader.constant(operator, 1).reshape(-1))
    over_map = rank == 4 and axes == [1, 2]
    check(over_map, f"{operator.name} over other axes than height and width")
    shape = (1, 1, reader.input_shape(operator)[2])
    reader.add_node(operator, "mean", shape, NodeFields())


def _pad(reader: GraphReader, operator: Operator) -> None:
    pads = reader.constant(operator, 1).tolist()
    over_map = len(pads) == 4 and pads[0] == pads[3] == [0, 0]
    check(over_map, f"{operator.name} of other axes than height and width")
    fields = NodeFields(pads=((pads[1][0], pads[1][1]), (pads[2][0], pads[2][1])))
    reader.add_node(operator, "pad", reader.output_shape(operator), fields)


def _reshape(reader: GraphReader, operator: Operator) -> None:
    """No node: the same (height, width, channels), flattened, or one row of channels."""
    height, width, channels = reader.input_shape(operator)
    target = reader.stored_shape(operator.output)
    is_row = height == width == 1 and target and target[-1] == channels == np.prod(target)
    is_same = target in ((height, width, channels), (height * width * channels,))
    check(bool(is_row or is_same), f"{operator.name} to {(1, *target)}")
    reader.node_of[operator.output] = reader.node_of[operator.inputs[0]]


def _cast(reader: GraphReader, operator: Operator) -> None:
    """No node: before the first layer a cast turns integers into floats."""
    check(reader.node_of[operator.inputs[0]] == INPUT, operator.name)
    reader.node_of[operator.output] = INPUT


def _scores(reader: GraphReader, operator: Operator) -> None:
    """No node: students compute logits, so the final softmax or sigmoid is left out."""
    reader.node_of[operator.output] = reader.node_of[operator.inputs[0]]
    reader.score_operator = operator.name


OPERATORS: dict[str, Callable[[GraphReader, Operator], None]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": _add,
    "SUB": _affine,
    "MUL": _affine,
    "DIV": _affine,
    "RELU": _relu,
    "RELU6": _relu6,
    "MAX_POOL_2D": _max_pool,
    "AVERAGE_POOL_2D": _average_pool,
    "MEAN": _mean,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "CAST": _cast,
    "SOFTMAX": _scores,
    "LOGISTIC": _scores,
}
