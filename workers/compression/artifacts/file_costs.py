"""MACs and peak memory of a .tflite, computed from the operators in its flatbuffer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

OPERATORS = schema.BuiltinOperator
ELEMENT_BYTES = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.INT32: 4,
    schema.TensorType.FLOAT16: 2,
    schema.TensorType.INT64: 8,
    schema.TensorType.UINT8: 1,
    schema.TensorType.INT8: 1,
    schema.TensorType.INT16: 2,
    schema.TensorType.BOOL: 1,
}


@dataclass(frozen=True)
class FileOperator:
    """An operator by its code in the schema, with the numbers of its tensors."""

    code: int
    inputs: list[int]
    outputs: list[int]


class FileGraph:
    """The first subgraph of a .tflite."""

    def __init__(self, path: Path):
        self.model = schema.Model.GetRootAs(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.inputs = _numbers(self.graph.InputsAsNumpy())
        self.outputs = _numbers(self.graph.OutputsAsNumpy())

    def operators(self) -> Iterator[FileOperator]:
        """The operators in order of execution."""
        for number in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(number)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            yield FileOperator(
                max(code.BuiltinCode(), code.DeprecatedBuiltinCode()),
                _numbers(operator.InputsAsNumpy()),
                _numbers(operator.OutputsAsNumpy()),
            )

    def shape(self, tensor: int) -> np.ndarray:
        """The tensor's shape with the batch."""
        return np.atleast_1d(self.graph.Tensors(tensor).ShapeAsNumpy())

    def size(self, tensor: int) -> int:
        """The number of elements."""
        return int(np.prod(self.graph.Tensors(tensor).ShapeAsNumpy()))

    def bytes(self, tensor: int) -> int:
        """The size in memory."""
        return self.size(tensor) * ELEMENT_BYTES.get(self.graph.Tensors(tensor).Type(), 4)


def count_macs(path: Path) -> int:
    """Multiply-accumulates of one inference: convolutions, dense layers, matrix products."""
    graph = FileGraph(path)
    return sum(_macs(graph, operator) for operator in graph.operators())


def _macs(graph: FileGraph, operator: FileOperator) -> int:
    if operator.code == OPERATORS.TRANSPOSE_CONV:
        # Each position of the input, without its channels, is multiplied with the whole kernel.
        _, kernel, features = operator.inputs[:3]
        return int(np.prod(graph.shape(features)[:3])) * graph.size(kernel)
    if operator.code == OPERATORS.CONV_2D:
        per_output = int(np.prod(graph.shape(operator.inputs[1])[1:]))
    elif operator.code == OPERATORS.DEPTHWISE_CONV_2D:
        per_output = int(np.prod(graph.shape(operator.inputs[1])[1:3]))
    elif operator.code == OPERATORS.FULLY_CONNECTED:
        per_output = int(graph.shape(operator.inputs[1])[-1])
    elif operator.code == OPERATORS.BATCH_MATMUL:
        # The left matrix is rows x shared, and its rows are those of the output.
        left, output = graph.shape(operator.inputs[0]), graph.shape(operator.outputs[0])
        per_output = int(np.prod(left[-2:])) // int(output[-2])
    else:
        return 0
    return per_output * graph.size(operator.outputs[0])


def peak_tensor_bytes(path: Path) -> int:
    """The most bytes of activations in memory at once.

    An activation is in memory from the operator that writes it to the last one that reads it.
    """
    graph = FileGraph(path)
    operators = list(graph.operators())
    activations = set(graph.inputs)
    last_use: dict[int, int] = {}
    for step, operator in enumerate(operators):
        activations.update(operator.outputs)
        for tensor in (*operator.inputs, *operator.outputs):
            last_use[tensor] = step
    for tensor in graph.outputs:
        last_use[tensor] = len(operators)
    alive, peak = set(graph.inputs), 0
    for step, operator in enumerate(operators):
        alive |= activations & set(operator.outputs)
        peak = max(peak, sum(map(graph.bytes, alive)))
        alive = {tensor for tensor in alive if last_use.get(tensor, -1) > step}
    return peak


def _numbers(values: np.ndarray | int) -> list[int]:
    """Numbers of tensors; an input that is left out has the number -1."""
    numbers = np.atleast_1d(values)
    return list(map(int, numbers[numbers >= 0]))
