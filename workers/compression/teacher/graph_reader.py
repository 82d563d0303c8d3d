"""The walk through a .tflite's operators: what is known of its tensors, and the nodes found on the
way.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workers.compression.errors import CompressionError

IMAGE = "image"
Kind = Literal["conv", "depthwise", "add", "mean", "max_pool", "average_pool", "pad"]
Activation = Literal["relu", "relu6"] | None
Shape = tuple[int, int, int]

HINT = "Ask for another family of students, with the teacher fixed."
NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
ACTIVATIONS: dict[int, Activation] = {
    schema.ActivationFunctionType.NONE: None,
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
}
ELEMENTS = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
}


@dataclass(frozen=True, eq=False)
class Node:
    """One step of a network, from (N, height, width, channels) to the same with other numbers.

    ``inputs`` are names of earlier nodes, or "image". ``activation`` follows whatever ``kind``
    computes. ``size`` and ``stride`` are pixels (height, width), (1, 1) where they say nothing;
    "mean" leaves (N, 1, 1, channels). ``pads`` are zeros before and after (height, width).
    ``kernel`` is float32, (h, w, in, out) of a conv and (h, w, channels, 1) of a depthwise; these
    two have a ``bias`` (channels,). Nodes of one ``group`` keep or lose the same channels; of none,
    every channel stays.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int
    group: str | None = None
    activation: Activation = None
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] = "valid"
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


@dataclass(frozen=True)
class Operator:
    name: str
    inputs: tuple[int, ...]
    output: int
    options: Any


ACTIVE = ("conv", "depthwise", "add")
"""The kinds of nodes that have an activation of their own."""


def identity(name: str, before: Node, activation: Activation) -> Node:
    """A depthwise node of ones, which carries the activation of one that has none."""
    ones, zeros = (
        np.ones((1, 1, before.channels, 1), np.float32),
        np.zeros(before.channels, np.float32),
    )
    return Node(
        name,
        "depthwise",
        (before.name,),
        before.channels,
        activation=activation,
        kernel=ones,
        bias=zeros,
    )


class Walk:
    """The file, and what was read of it: the node whose output each tensor holds (``values``), the
    nodes' ``shapes``.

    Shapes are (height, width, channels), also where the file drops the ones or flattens.
    """

    def __init__(self, model: Any):
        self.model, self.graph = model, model.subgraphs[0]
        image = int(self.graph.inputs[0])
        height, width, *channels = self.stored_shape(image)
        self.values: dict[int, str] = {image: IMAGE}
        self.shapes: dict[str, Shape] = {IMAGE: (height, width, channels[0] if channels else 1)}
        self.nodes: list[Node] = []
        self.scored_by = ""

    def operators(self) -> list[Operator]:
        codes = self.model.operatorCodes
        names = [NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes]
        names = [
            (code.customCode or b"").decode() or name
            for code, name in zip(codes, names, strict=True)
        ]
        return [
            Operator(
                names[each.opcodeIndex],
                tuple(map(int, each.inputs)),
                int(each.outputs[0]),
                each.builtinOptions,
            )
            for each in self.graph.operators
        ]

    def stored_shape(self, tensor: int) -> tuple[int, ...]:
        """As the file has it, less the batch."""
        return tuple(int(size) for size in self.graph.tensors[tensor].shape[1:])

    def shape(self, operator: Operator) -> Shape:
        return self.shapes[self.values[operator.inputs[0]]]

    def map_shape(self, operator: Operator) -> Shape:
        """The (height, width, channels) that the operator writes; refused where it does not write a
        map.
        """
        shape = self.stored_shape(operator.output)
        check(len(shape) == 3, f"{operator.name} of {len(shape) + 1} axes")
        return shape[0], shape[1], shape[2]

    def constant(self, operator: Operator, place: int) -> np.ndarray:
        tensor = self.graph.tensors[operator.inputs[place]]
        data = self.model.buffers[tensor.buffer].data
        check(
            data is not None and tensor.type in ELEMENTS,
            f"{operator.name} with computed or quantized weights",
        )
        return np.frombuffer(data, ELEMENTS[tensor.type]).reshape(
            [int(size) for size in tensor.shape]
        )

    def bias(self, operator: Operator, channels: int) -> np.ndarray:
        given = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        return self.constant(operator, 2) if given else np.zeros(channels, np.float32)

    def add(self, operator: Operator, kind: Kind, shape: Shape, **fields: Any) -> None:
        function = getattr(operator.options, "fusedActivationFunction", 0)
        check(
            function in ACTIVATIONS, f"{operator.name} with an activation other than RELU and RELU6"
        )
        check(
            np.prod(self.stored_shape(operator.output)) == np.prod(shape),
            f"{operator.name} with broadcasting",
        )
        inputs = tuple(self.values[tensor] for tensor in operator.inputs if tensor in self.values)
        fields = {"activation": ACTIVATIONS[function]} | fields
        after = None if kind in ACTIVE else fields.pop("activation")
        self._append(
            operator, Node(f"op{len(self.nodes)}", kind, inputs, shape[2], **fields), shape
        )
        if after:
            self._append(operator, identity(f"op{len(self.nodes)}", self.nodes[-1], after), shape)

    def _append(self, operator: Operator, node: Node, shape: Shape) -> None:
        self.nodes.append(node)
        self.values[operator.output] = node.name
        self.shapes[node.name] = shape

    def finished(self) -> tuple[Node, ...]:
        last = self.values.get(int(self.graph.outputs[0]))
        scores = self.nodes and last == self.nodes[-1].name and self.shapes[last][:2] == (1, 1)
        check(bool(scores), "scores that are no layer's output")
        return tuple(self.nodes)


def check(expressible: bool, otherwise: str) -> None:
    """Refuse a teacher that holds ``otherwise``, an operator by name."""
    if not expressible:
        message = f"The teacher holds {otherwise}, which channels cannot be removed from."
        raise CompressionError("teacher_not_prunable", message, HINT)
