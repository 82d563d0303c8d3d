"""Writes TFLite metadata: what the input is and what each output is called.

ML Kit and MediaPipe read it. It is a flatbuffer of its own (schema 1.4, identifier M001) in a
buffer named TFLITE_METADATA; the labels are a ZIP appended to the file. No maintained package can
write it beside this TensorFlow, so metadata_tables.py builds its few tables.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from workers.compression.artifacts.compaction import compact
from workers.compression.artifacts.metadata_tables import build_metadata
from workers.compression.artifacts.provenance import Provenance
from workers.compression.student_values import Artifact, StudentPlan
from workers.compression.values import Dataset, Shape

BUFFER_NAME = b"TFLITE_METADATA"
LABELS = "labels.txt"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""The same in every file, so that equal students have equal files."""


@dataclass(frozen=True)
class About:
    """What all files of a job say about themselves.

    ``preparation`` is a sentence on how an app prepares its images.
    """

    classes: tuple[str, ...]
    preparation: str
    provenance: Provenance

    @classmethod
    def of(cls, data: Dataset, provenance: Provenance) -> "About":
        """Of files that were trained on ``data``."""
        preparation = f"Images are resized: {data.description['resize_filter']}."
        if not data.description["exif_applied"]:
            preparation += " Their EXIF orientation is not applied."
        return cls(data.classes, preparation, provenance)


def describe(artifact: Artifact, about: About) -> None:
    """Write metadata and labels into the artifact's file, and remove what nothing reads.

    The file computes the same as before. A float32 input is described as (pixel - 128) / 127.5.
    """
    path = artifact.path
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    image = graph.tensors[graph.inputs[0]]
    description = (
        f"Image classifier of {len(about.classes)} classes:"
        f" {_architecture(artifact, image.shape[1:])}. {about.preparation} {about.provenance}."
    )
    takes_float = image.type == schema.TensorType.FLOAT32
    buffer = schema.BufferT()
    buffer.data = build_metadata(
        name=artifact.name,
        description=description,
        labels=LABELS,
        channels=image.shape[3],
        takes_float=takes_float,
        license_text=about.provenance.license,
    )
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = BUFFER_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    path.write_bytes(compact(model) + _labels_zip(about.classes))


def _architecture(artifact: Artifact, input_shape: Shape) -> str:
    """Family, width, depth, input and quantization of a file, for people."""
    size = "x".join(map(str, input_shape))
    return f"{_network(artifact.plan)}, input {size}, {artifact.quantization}"


def _network(plan: StudentPlan | None) -> str:
    if plan is None:
        return "teacher"
    if plan.family == "pruned":
        return f"pruned teacher with {plan.width} % of its channels"
    return f"{plan.family} of width {plan.width} and depth {plan.depth}"


def read_labels(path: Path) -> list[str]:
    """The class names in a described .tflite, in the order of its outputs."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(LABELS).decode().splitlines()


def _labels_zip(classes: Sequence[str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, ZIP_DATE), "\n".join(classes) + "\n")
    return content.getvalue()
