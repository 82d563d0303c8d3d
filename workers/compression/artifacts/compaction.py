"""A .tflite without what nothing reads: in a file of some ten thousand weights the rest weighs as
much as they do.
"""

from typing import Any

import flatbuffers
import numpy as np

CONVERTER_NOTES = (b"CONVERSION_METADATA", b"min_runtime_version")


def compacted(model: Any) -> bytes:
    """The flatbuffer of ``model`` (a ModelT, changed in place); what it computes stays as it is.

    Names of inner tensors and the converter's notes of itself go, and the flag that a tensor's rank
    is known, which its shape tells; all empty buffers become the one that the format reserves for
    it, and equal vectors and options are written once.
    """
    model.metadata = [each for each in model.metadata or [] if each.name not in CONVERTER_NOTES]
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


def _share_options(graph: Any) -> None:
    shared: dict[str, Once] = {}
    for operator in graph.operators:
        if operator.builtinOptions is not None:
            key = f"{type(operator.builtinOptions).__name__} {vars(operator.builtinOptions)}"
            operator.builtinOptions = shared.setdefault(key, Once(operator.builtinOptions))


def _drop_empty_buffers(model: Any) -> None:
    users = [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *model.metadata]
    kept = sorted({0, *(user.buffer for user in users if _filled(model.buffers[user.buffer]))})
    places = {old: new for new, old in enumerate(kept)}
    for user in users:
        user.buffer = places.get(user.buffer, 0)
    model.buffers = [model.buffers[old] for old in kept]


def _filled(buffer: Any) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


class Once:
    """A table that several operators point at."""

    def __init__(self, table: Any):
        self.table, self.offset = table, 0

    def Pack(self, builder: flatbuffers.Builder) -> int:
        self.offset = self.offset or self.table.Pack(builder)
        return self.offset


class SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors once: of a small file's overhead most is zero points, eight bytes per
    channel.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self.written:
            self.written[key] = super().CreateNumpyVector(x)
        return self.written[key]
