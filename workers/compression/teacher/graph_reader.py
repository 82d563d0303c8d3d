"""Reads the operators of a .tflite one after the other and collects the nodes that they become."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workers.compression.errors import CompressionError
from workers.compression.graph import INPUT, Activation, Kind, MapShape, Node, Padding, Pads

OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
ACTIVATIONS: dict[int, Activation] = {
    schema.ActivationFunctionType.NONE: None,
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
}
DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
}
KINDS_WITH_ACTIVATION = ("conv", "depthwise", "add")


@dataclass(frozen=True)
class Operator:
    """An operator of the file: numbers of its tensors and its table of options."""

    name: str
    inputs: tuple[int, ...]
    output: int
    options: Any


@dataclass(frozen=True)
class NodeFields:
    """The fields of a Node except its name, kind, inputs and channels."""

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "valid"
    pads: Pads = ((0, 0), (0, 0))
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    activation: Activation = None


class GraphReader:
    """The file and what is read of it so far.

    ``node_of`` holds the name of the node that wrote each tensor, ``shapes`` the (height, width,
    channels) of each node's output, also where the file drops dimensions of 1 or flattens them.
    ``score_operator`` is the final softmax or sigmoid, once it is read.
    """

    def __init__(self, model: schema.ModelT):
        self.model = model
        self.graph = model.subgraphs[0]
        image = int(self.graph.inputs[0])
        stored = self.stored_shape(image)
        shape = (stored[0], stored[1], math.prod(stored[2:]))
        self.node_of: dict[int, str] = {image: INPUT}
        self.shapes: dict[str, MapShape] = {INPUT: shape}
        self.nodes: list[Node] = []
        self.score_operator = ""

    def operators(self) -> list[Operator]:
        """All operators in order of execution."""
        found = []
        for operator in self.graph.operators:
            name = _operator_name(self.model.operatorCodes[operator.opcodeIndex])
            inputs = tuple(map(int, operator.inputs))
            output = int(operator.outputs[0])
            found.append(Operator(name, inputs, output, operator.builtinOptions))
        return found

    def stored_shape(self, tensor: int) -> tuple[int, ...]:
        """The tensor's shape in the file, without the batch."""
        return tuple(map(int, self.graph.tensors[tensor].shape[1:]))

    def input_nodes(self, operator: Operator) -> list[str | None]:
        """The node that wrote each of the operator's inputs; None for constants."""
        return [self.node_of.get(tensor) for tensor in operator.inputs]

    def input_shape(self, operator: Operator) -> MapShape:
        """(height, width, channels) of the operator's first input."""
        return self.shapes[self.node_of[operator.inputs[0]]]

    def output_shape(self, operator: Operator) -> MapShape:
        """(height, width, channels) of the operator's output, which must have all three."""
        shape = self.stored_shape(operator.output)
        check(len(shape) == 3, f"{operator.name} with {len(shape) + 1} dimensions")
        return shape[0], shape[1], shape[2]

    def constant(self, operator: Operator, place: int) -> np.ndarray:
        """The values of the operator's input number ``place``."""
        tensor = self.graph.tensors[operator.inputs[place]]
        data = self.model.buffers[tensor.buffer].data
        is_constant = data is not None and tensor.type in DTYPES
        check(is_constant, f"{operator.name} with computed or quantized weights")
        values = np.frombuffer(data, DTYPES[tensor.type])
        return values.reshape(tuple(map(int, tensor.shape)))

    def bias(self, operator: Operator, channels: int) -> np.ndarray:
        """The bias (channels,) of a convolution or dense layer; zeros where it has none."""
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            return self.constant(operator, 2)
        return np.zeros(channels, np.float32)

    def add_node(self, operator: Operator, kind: Kind, shape: MapShape, fields: NodeFields) -> None:
        """Add the node for ``operator``, with an output of ``shape`` and the fused activation."""
        code = getattr(operator.options, "fusedActivationFunction", 0)
        check(code in ACTIVATIONS, f"{operator.name} with an activation other than RELU and RELU6")
        same_size = np.prod(self.stored_shape(operator.output)) == np.prod(shape)
        check(bool(same_size), f"{operator.name} with broadcasting")
        activation = fields.activation or ACTIVATIONS[code]
        inputs = tuple(filter(None, self.input_nodes(operator)))
        own = activation if kind in KINDS_WITH_ACTIVATION else None
        values = vars(fields) | {"activation": own}
        node = Node(f"op{len(self.nodes)}", kind, inputs, shape[2], **values)
        self._append(operator, node, shape)
        if activation and not own:
            self._append(operator, identity(f"op{len(self.nodes)}", node, activation), shape)

    def _append(self, operator: Operator, node: Node, shape: MapShape) -> None:
        self.nodes.append(node)
        self.node_of[operator.output] = node.name
        self.shapes[node.name] = shape

    def finish(self) -> tuple[Node, ...]:
        """All nodes, once the last of them is known to give the scores."""
        last = self.node_of.get(int(self.graph.outputs[0]))
        ends_with_scores = (
            bool(self.nodes) and last == self.nodes[-1].name and self.shapes[last][:2] == (1, 1)
        )
        check(ends_with_scores, "scores that are not the output of a layer")
        return tuple(self.nodes)


def identity(name: str, before: Node, activation: Activation) -> Node:
    """A depthwise convolution that changes nothing but applies ``activation`` to its input."""
    channels = before.channels
    kernel, bias = np.ones((1, 1, channels, 1), np.float32), np.zeros(channels, np.float32)
    inputs = (before.name,)
    return Node(
        name, "depthwise", inputs, channels, activation=activation, kernel=kernel, bias=bias
    )


def check(supported: bool, found: str) -> None:
    """Refuse a teacher that contains ``found``, the name of an operator and what is special.

    Raises:
        CompressionError: teacher_not_prunable.
    """
    if not supported:
        message = f"The teacher contains {found}, from which channels cannot be removed."
        hint = "Choose another family of students and a fixed teacher."
        raise CompressionError("teacher_not_prunable", message, hint)


def _operator_name(code: schema.OperatorCodeT) -> str:
    custom = (code.customCode or b"").decode()
    return custom or OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
