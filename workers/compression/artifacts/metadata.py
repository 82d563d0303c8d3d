"""TFLite metadata: what the input is and what each output is called, as ML Kit and MediaPipe read
it.

The metadata is a flatbuffer of its own (schema 1.4, file identifier M001) in a buffer named
TFLITE_METADATA; the labels are a ZIP appended to the file. No maintained package writes it beside
this TensorFlow, so its few tables are built here by slot.
"""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from workers.compression.artifacts.compaction import compacted
from workers.compression.values import INPUT_MEAN, INPUT_STD

BUFFER_NAME = b"TFLITE_METADATA"
LABELS = "labels.txt"
RGB, GREY = 1, 2
IMAGE_PROPERTIES, FEATURE_PROPERTIES = 2, 1
NORMALIZATION_OPTIONS = 1
TENSOR_AXIS_LABELS = 2
FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def describe(path: Path, classes: Sequence[str]) -> None:
    """Write metadata and labels into the .tflite at ``path`` and leave out what nothing reads.

    What it computes stays as it is. A float32 input is described as (pixel - 128) / 127.5.
    """
    description = f"Image classifier of {len(classes)} classes, made by learn2compress"
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    image = graph.tensors[graph.inputs[0]]
    buffer = schema.BufferT()
    buffer.data = _metadata(
        path.stem, description, image.shape[3], image.type == schema.TensorType.FLOAT32
    )
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = BUFFER_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    labels = io.BytesIO()
    with zipfile.ZipFile(labels, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, FIXED_DATE), "\n".join(classes) + "\n")
    path.write_bytes(compacted(model) + labels.getvalue())


def labels(path: Path) -> list[str]:
    """The class names in a described .tflite, in the order of its outputs."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(LABELS).decode().splitlines()


def _metadata(name: str, description: str, channels: int, in_float: bool) -> bytes:
    b = flatbuffers.Builder(1024)
    image = _table(b, 2, int8={0: RGB if channels == 3 else GREY})
    units = [_normalization(b, INPUT_MEAN, INPUT_STD)] if in_float else []
    text = "Pixels 0..255, " + ("RGB" if channels == 3 else "grey")
    inputs = _tensor(b, "image", text, IMAGE_PROPERTIES, image, 255.0, units=units)
    file = _table(b, 5, offsets={0: b.CreateString(LABELS)}, int8={2: TENSOR_AXIS_LABELS})
    feature = _table(b, 0)
    outputs = _tensor(b, "probability", "", FEATURE_PROPERTIES, feature, 1.0, [file])
    graph = _table(b, 10, offsets={2: _vector(b, [inputs]), 3: _vector(b, [outputs])})
    texts = {0: b.CreateString(name), 1: b.CreateString(description), 2: b.CreateString("1")}
    root = _table(b, 8, offsets=texts | {3: _vector(b, [graph]), 7: b.CreateString("1.0.0")})
    b.Finish(root, b"M001")
    return bytes(b.Output())


def _tensor(
    b: flatbuffers.Builder,
    name: str,
    text: str,
    kind: int,
    properties: int,
    most: float,
    files: Sequence[int] = (),
    units: Sequence[int] = (),
) -> int:
    content = _table(b, 3, offsets={1: properties}, int8={0: kind})
    stats = _table(b, 2, offsets={0: _floats(b, [most]), 1: _floats(b, [0.0])})
    offsets = {0: b.CreateString(name), 3: content, 5: stats} | (
        {1: b.CreateString(text)} if text else {}
    )
    if units:
        offsets[4] = _vector(b, units)
    if files:
        offsets[6] = _vector(b, files)
    return _table(b, 7, offsets=offsets)


def _normalization(b: flatbuffers.Builder, mean: float, std: float) -> int:
    """A ProcessUnit: pixels become (x - mean) / std."""
    options = _table(b, 2, offsets={0: _floats(b, [mean]), 1: _floats(b, [std])})
    return _table(b, 2, offsets={1: options}, int8={0: NORMALIZATION_OPTIONS})


def _table(
    b: flatbuffers.Builder,
    slots: int,
    offsets: dict[int, int] | None = None,
    int8: dict[int, int] | None = None,
) -> int:
    b.StartObject(slots)
    for slot, offset in (offsets or {}).items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (int8 or {}).items():
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
