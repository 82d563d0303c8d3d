"""The figures of one file, with units, and the types of fields that all descriptions share.

Accuracies are fractions of 1 on images that no training step saw.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.contract.job import BudgetLimits, Quantization, StudentFamily

Text = Annotated[str, StringConstraints(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Gap = Annotated[float, Field(ge=-1, le=1)]
Measure = Annotated[float, Field(ge=0, le=10**15)]
RowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}\.tflite$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Dtype = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,20}$")]
Shape = Annotated[list[int | None], Field(max_length=8)]
PerClass = Annotated[dict[str, Share], Field(max_length=10_000)]
ImagesPerClass = Annotated[dict[str, Count], Field(max_length=10_000)]


class Strict(BaseModel):
    """Base of all of them: an unknown field or a NaN is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Tensor(Strict):
    """Shape, the batch first (null: any size), and element type of a network's input or output."""

    shape: Shape
    dtype: Dtype


class NamedTensor(Tensor):
    name: Text


class Latency(Strict):
    """Milliseconds for one image, measured on the worker's processor."""

    p50: Measure = Field(description="Median, milliseconds.")
    p90: Measure = Field(description="90th percentile, milliseconds.")
    threads: Count
    cpu: Text = Field(description="Name of the processor.")


class BudgetResult(Strict):
    requested: BudgetLimits
    kept: bool = Field(description="Whether the file keeps every limit.")
    images: Count | None = Field(
        None, description="Test images on which the minimums were decided."
    )


class Interval(Strict):
    """Between which values the true one is with 95 % confidence."""

    low: Share
    high: Share


class Difference(Strict):
    """A difference with its 95 % interval, in -1..1."""

    value: Gap
    low: Gap
    high: Gap


class Accuracies(Strict):
    """Measured on the file itself (of the teacher: on its own graph)."""

    images: Count = Field(description="Test images that the accuracies were measured on.")
    top1: Share
    top3: Share | None = Field(description="Null in reports made before it was measured.")
    top5: Share
    agreement: Share = Field(description="Share of the test images that get the teacher's class.")
    top1_interval: Interval | None = Field(
        None, description="95 % (Wilson). Null in reports made before it was computed."
    )
    top1_difference: Difference | None = Field(
        None, description="To the teacher, on the same images. Null for the teacher itself."
    )
    per_class: PerClass = Field(description="Top-1 per class; empty above 1,000 classes.")


class VariantMetrics(Accuracies):
    """The figures of one file."""

    student: RowName | None = Field(
        description="The variant's name; null for the teacher quantized without training."
    )
    family: StudentFamily | Literal["teacher"] = Field(
        description="What the network is built of; teacher: the uploaded network as it is."
    )
    width: Count | None = Field(
        description="Channels of the first stage; of family pruned, percent of the teacher's."
    )
    depth: Count | None = Field(description="Blocks.")
    quantization: Quantization
    parameters: Count
    input: Tensor
    output: Tensor
    float32_top1: Share | None = Field(description="Top-1 of the trained network, before export.")
    budget: BudgetResult | None = Field(description="Null where none was requested.")
    gzip_bytes: Count = Field(description="What the file adds to a compressed app bundle.")
    macs: Count = Field(description="Multiply-accumulates for one image.")
    peak_tensor_bytes: Count = Field(description="Most bytes of activations alive at once.")
    latency_ms: Latency
    smaller_x: Measure | None = Field(description="Teacher's bytes over these.")
    faster_x: Measure | None = Field(description="Teacher's p50 over this one; null: unknown.")
    fewer_macs_x: Measure | None = Field(description="Teacher's MACs over these.")
