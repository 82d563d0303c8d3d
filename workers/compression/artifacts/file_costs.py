"""What a .tflite says of itself, read from its flatbuffer: MACs and peak activation memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

KERNEL_SIZES = {
    schema.BuiltinOperator.CONV_2D: lambda shape: int(np.prod(shape[1:])),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: lambda shape: int(np.prod(shape[1:3])),
    schema.BuiltinOperator.FULLY_CONNECTED: lambda shape: int(shape[-1]),
}
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


def macs(path: Path) -> int:
    """Multiply-accumulates of one inference: convolutions, depthwise convolutions and fully
    connected layers.
    """
    graph, codes = _open(path)
    total = 0
    for operator, kind in _operators(graph, codes):
        if kind in KERNEL_SIZES:
            kernel = graph.Tensors(operator.Inputs(1)).ShapeAsNumpy()
            outputs = int(np.prod(graph.Tensors(operator.Outputs(0)).ShapeAsNumpy()))
            total += outputs * KERNEL_SIZES[kind](kernel)
        elif kind == schema.BuiltinOperator.BATCH_MATMUL:
            left = graph.Tensors(operator.Inputs(0)).ShapeAsNumpy()
            outputs = graph.Tensors(operator.Outputs(0)).ShapeAsNumpy()
            shared = int(np.prod(left[-2:])) // int(outputs[-2])
            total += int(np.prod(outputs)) * shared
        elif kind == schema.BuiltinOperator.TRANSPOSE_CONV:
            kernel = graph.Tensors(operator.Inputs(1)).ShapeAsNumpy()
            positions = int(np.prod(graph.Tensors(operator.Inputs(2)).ShapeAsNumpy()[:3]))
            total += positions * int(np.prod(kernel))
    return total


def peak_tensor_bytes(path: Path) -> int:
    """The most bytes of activations alive at once: each lives from its producer to its last
    consumer.
    """
    graph, codes = _open(path)
    steps = [
        (set(_ids(op.InputsAsNumpy())), set(_ids(op.OutputsAsNumpy())))
        for op, _ in _operators(graph, codes)
    ]
    produced = set(_ids(graph.InputsAsNumpy())).union(*(outputs for _, outputs in steps))
    last = {tensor: i for i, (inputs, outputs) in enumerate(steps) for tensor in inputs | outputs}
    last |= dict.fromkeys(_ids(graph.OutputsAsNumpy()), len(steps))
    alive, peak = set(_ids(graph.InputsAsNumpy())), 0
    for i, (_, outputs) in enumerate(steps):
        alive |= outputs
        peak = max(peak, sum(_size(graph.Tensors(tensor)) for tensor in alive & produced))
        alive = {tensor for tensor in alive if last.get(tensor, -1) > i}
    return peak


def _open(path: Path) -> tuple[Any, list[int]]:
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    return model.Subgraphs(0), [
        max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes
    ]


def _operators(graph: Any, codes: list[int]) -> Iterator[tuple[Any, int]]:
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        yield operator, codes[operator.OpcodeIndex()]


def _ids(values: Any) -> list[int]:
    return [int(value) for value in np.atleast_1d(values) if value >= 0]


def _size(tensor: Any) -> int:
    return int(np.prod(tensor.ShapeAsNumpy())) * ELEMENT_BYTES.get(tensor.Type(), 4)
