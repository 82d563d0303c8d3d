"""Removes from a .tflite what no interpreter reads.

In a file of ten thousand weights that is as large as the weights themselves ("what a small file is
made of" in docs/experiments.md).
"""

from typing import Protocol

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

CONVERTER_METADATA = (b"CONVERSION_METADATA", b"min_runtime_version")


def compact(model: schema.ModelT) -> bytes:
    """The flatbuffer of ``model``, which is changed; it computes the same as before.

    Left out are the names of inner tensors, the converter's metadata, and the flag for a known
    rank, which the shape implies. All empty buffers become buffer 0, which the format reserves for
    that; equal vectors and options are written once.
    """
    model.metadata = [
        entry for entry in model.metadata or [] if entry.name not in CONVERTER_METADATA
    ]
    model.description = None
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.hasRank &= tensor.shape is None or len(tensor.shape) == 0
        for inner in set(range(len(graph.tensors))) - {*graph.inputs, *graph.outputs}:
            graph.tensors[inner].name = None
        _share_options(graph)
    _drop_empty_buffers(model)
    builder = SharingBuilder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _share_options(graph: schema.SubGraphT) -> None:
    shared: dict[str, SharedTable] = {}
    for operator in graph.operators:
        options = operator.builtinOptions
        if options is not None:
            key = f"{type(options).__name__} {vars(options)}"
            operator.builtinOptions = shared.setdefault(key, SharedTable(options))


def _drop_empty_buffers(model: schema.ModelT) -> None:
    users = list(model.metadata)
    for graph in model.subgraphs:
        users += graph.tensors
    kept = {0}
    for user in users:
        if _has_data(model.buffers[user.buffer]):
            kept.add(user.buffer)
    new_numbers = {old: new for new, old in enumerate(sorted(kept))}
    for user in users:
        user.buffer = new_numbers.get(user.buffer, 0)
    model.buffers = [model.buffers[old] for old in sorted(kept)]


def _has_data(buffer: schema.BufferT) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


class Table(Protocol):
    """A table of the flatbuffer's object API."""

    def Pack(self, builder: flatbuffers.Builder) -> int: ...


class SharedTable:
    """A table that several operators refer to; it is written at the first reference."""

    def __init__(self, table: Table):
        self.table = table
        self.offset = 0

    def Pack(self, builder: flatbuffers.Builder) -> int:
        self.offset = self.offset or self.table.Pack(builder)
        return self.offset


class SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors once.

    Apart from its weights, a small file is mostly zero points, eight bytes per channel.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self.written:
            self.written[key] = super().CreateNumpyVector(x)
        return self.written[key]
