"""Builds the flatbuffer of TFLite metadata for an image classifier.

A table is built by the numbers of its slots; the names beside them are those of
metadata_schema.fbs in tflite-support.
"""

from collections.abc import Sequence

import flatbuffers

from workers.compression.images import pixels

# Numbers of enum values and union types in the schema.
COLOUR_RGB, COLOUR_GREY = 1, 2
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2
NORMALIZATION_OPTIONS = 1
TENSOR_AXIS_LABELS = 2

Slots = dict[int, int]


def build_metadata(
    name: str,
    description: str,
    labels: str,
    channels: int,
    takes_float: bool,
    license_text: str | None = None,
) -> bytes:
    """The metadata of a file that takes one image and returns probabilities.

    ``labels`` is the name of the file with the class names.
    """
    b = flatbuffers.Builder(1024)
    graph = _table(
        b,
        10,  # SubGraphMetadata
        {
            2: _vector(b, [_input(b, channels, takes_float)]),  # input_tensor_metadata
            3: _vector(b, [_output(b, labels)]),  # output_tensor_metadata
        },
    )
    root = {
        0: b.CreateString(name),
        1: b.CreateString(description),
        2: b.CreateString("1"),  # version
        3: _vector(b, [graph]),  # subgraph_metadata
        7: b.CreateString("1.0.0"),  # min_parser_version
    }
    if license_text:
        root[5] = b.CreateString(license_text)
    b.Finish(_table(b, 8, root), b"M001")
    return bytes(b.Output())


def _input(b: flatbuffers.Builder, channels: int, takes_float: bool) -> int:
    colours, colour_space = "grey", COLOUR_GREY
    if channels == 3:
        colours, colour_space = "RGB", COLOUR_RGB
    properties = _table(b, 2, numbers={0: colour_space})  # ImageProperties
    slots = {
        0: b.CreateString("image"),
        1: b.CreateString(f"Pixels 0..255, {colours}"),
        3: _content(b, IMAGE_PROPERTIES, properties),
        5: _stats(b, 255.0),
    }
    if takes_float:
        slots[4] = _vector(b, [_normalization(b)])  # process_units
    return _table(b, 7, slots)  # TensorMetadata


def _output(b: flatbuffers.Builder, labels: str) -> int:
    file = _table(b, 5, {0: b.CreateString(labels)}, {2: TENSOR_AXIS_LABELS})  # AssociatedFile
    slots = {
        0: b.CreateString("probability"),
        3: _content(b, FEATURE_PROPERTIES, _table(b, 0)),
        5: _stats(b, 1.0),
        6: _vector(b, [file]),  # associated_files
    }
    return _table(b, 7, slots)  # TensorMetadata


def _content(b: flatbuffers.Builder, kind: int, properties: int) -> int:
    return _table(b, 3, {1: properties}, {0: kind})


def _stats(b: flatbuffers.Builder, largest: float) -> int:
    """The range of a tensor's values, from 0 to ``largest``."""
    return _table(b, 2, {0: _floats(b, [largest]), 1: _floats(b, [0.0])})


def _normalization(b: flatbuffers.Builder) -> int:
    """A ProcessUnit that says how pixels become the input: (x - mean) / std."""
    options = _table(b, 2, {0: _floats(b, [pixels.MEAN]), 1: _floats(b, [pixels.STD])})
    return _table(b, 2, {1: options}, {0: NORMALIZATION_OPTIONS})


def _table(
    b: flatbuffers.Builder, slots: int, offsets: Slots | None = None, numbers: Slots | None = None
) -> int:
    """A table of ``slots`` slots with the offsets of other objects, and numbers of one byte."""
    b.StartObject(slots)
    for slot, offset in (offsets or {}).items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (numbers or {}).items():
        b.PrependInt8Slot(slot, value, 0)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: flatbuffers.Builder, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
