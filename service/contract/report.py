"""What a job answers: report.json and its rows, and what an inspection finds, with units.

The engine writes plain JSON; the supervisor validates it with these models, because the process
that wrote it ran a stranger's model. Accuracies are fractions of 1 on images that no training step
saw.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.contract.job import (
    BudgetLimits,
    Effort,
    InputScaling,
    Quantization,
    StudentFamily,
    TeacherOutput,
    TeacherTraining,
)

Text = Annotated[str, StringConstraints(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Measure = Annotated[float, Field(ge=0, le=10**15)]
RowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}\.tflite$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Dtype = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,20}$")]
Shape = Annotated[list[int | None], Field(max_length=8)]
PerClass = Annotated[dict[str, Share], Field(max_length=10_000)]
ImagesPerClass = Annotated[dict[str, Count], Field(max_length=10_000)]

PLOT_NAME = "accuracy_over_bytes"
"""Of both files of a job's plot, without .png and .svg."""


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


class Accuracies(Strict):
    """Measured on the file itself (of the teacher: on its own graph)."""

    images: Count = Field(description="Test images that the accuracies were measured on.")
    top1: Share
    top3: Share | None = Field(description="Null in reports made before it was measured.")
    top5: Share
    agreement: Share = Field(description="Share of the test images that get the teacher's class.")
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


class ReportedVariant(VariantMetrics):
    """One row of ``variants``."""

    name: RowName
    file: FileName
    sha256: Digest
    bytes: Count


class ModelDescription(Strict):
    """What inspection found in an uploaded model."""

    format: Literal["keras", "hdf5", "saved_model"]
    loader: Literal["keras", "tf_keras", "saved_model"]
    bytes: Count
    parameters: Count
    input: NamedTensor
    output: NamedTensor
    size_assumed: bool = Field(description="Whether the model takes any size of image.")
    not_converted: Text | None = Field(None, description="Why there is no .tflite of it.")
    macs: Count | None = Field(None, description="Null where it could not be converted.")
    tflite_bytes: Count | None = Field(None, description="Of its float32 .tflite.")


class ScalingAccuracies(Strict):
    """The teacher's top-1 under each input scaling tried, on a sample of training images."""

    raw: Share | None = None
    unit: Share | None = None
    symmetric: Share | None = None
    imagenet: Share | None = None
    caffe: Share | None = None
    standardized: Share | None = None


class Baseline(Accuracies):
    """The teacher: accuracies of its own graph, the rest of its float32 .tflite (else null)."""

    name: Literal["teacher"]
    quantization: Literal["float32"]
    parameters: Count
    bytes: Count = Field(description="Of the .tflite, or of the upload where there is none.")
    gzip_bytes: Count
    macs: Count | None
    peak_tensor_bytes: Count | None
    latency_ms: Latency | None
    model: ModelDescription
    input_scaling: InputScaling
    input_scaling_stated: bool = Field(description="Whether the job's spec stated it.")
    teacher_output: TeacherOutput
    scaling_accuracies: ScalingAccuracies


class SplitCounts(Strict):
    train: Count
    val: Count
    test: Count


class DuplicatesDropped(Strict):
    """Images that equal a held-out image and were not trained or validated on."""

    train: Count
    val: Count


class LeftOut(Strict):
    """Files of an archive that are not used."""

    unreadable: list[Text] = Field(max_length=100, description="Paths of the first 100.")
    unreadable_count: Count
    ignored_files: Count = Field(description="Files that are no images in class folders.")


class DataSummary(LeftOut):
    """The dataset as it was trained on."""

    classes: list[Text] = Field(max_length=10_000, description="In the order of the outputs.")
    counts: SplitCounts
    split_given: bool = Field(description="Whether the archive has train/, val/ or test/.")
    duplicates_dropped: DuplicatesDropped


class Spread(Strict):
    """Pixels."""

    least: Count
    median: Count
    most: Count


class CommonSize(Strict):
    width: Count
    height: Count
    images: Count


class ImageSizes(Strict):
    width: Spread
    height: Spread
    most_common: list[CommonSize] = Field(max_length=5)


class ImageModes(Strict):
    """How many images are grey and how many in colour."""

    grey: Count = 0
    colour: Count = 0


class CountsPerSplit(Strict):
    """Images per class in each split of the archive; all of them in ``all`` where it has none."""

    train: ImagesPerClass | None = None
    val: ImagesPerClass | None = None
    test: ImagesPerClass | None = None
    all: ImagesPerClass | None = None


class DatasetDescription(LeftOut):
    """What inspection found in an uploaded dataset."""

    classes: list[Text] = Field(max_length=10_000)
    counts: CountsPerSplit
    images: Count
    image_sizes: ImageSizes
    modes: ImageModes


class RecipeReport(Strict):
    """Every number that decided the training (docs/architecture.md); derived from job and data."""

    effort: Effort
    seed: Count
    family: StudentFamily
    teacher_training: TeacherTraining
    parameters: Count = Field(description="Weights that the largest student should have.")
    teacher_parameters: Count
    quantizations: list[Quantization] = Field(max_length=5)
    sparsity: Share
    input_shape: list[Count] = Field(max_length=3, description="Students' height, width, channels.")
    epochs: Count
    quantization_epochs: Count
    batch: Count
    rate: Measure = Field(description="Peak learning rate of the float training.")
    quantization_rate: Measure
    weight_decay: Measure
    temperature: Measure
    soft_weight: Share
    teacher_weight: Share
    mirrored: bool
    shift: Count = Field(description="Largest translation, pixels.")
    latency_runs: Count


class Versions(Strict):
    python: Text
    tensorflow: Text
    keras: Text
    tf_keras: Text
    ai_edge_litert: Text
    numpy: Text
    pillow: Text


class ReportSummary(Strict):
    """A report without its rows."""

    recipe: RecipeReport
    minutes: Measure = Field(description="Of training.")
    data: DataSummary
    warnings: list[Text] = Field(max_length=1000)
    versions: Versions


class Report(ReportSummary):
    """All of report.json."""

    baseline: Baseline
    variants: list[ReportedVariant] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("two variants have the same name")
        if any(variant.file != f"{variant.name}.tflite" for variant in self.variants):
            raise ValueError("a file is not called NAME.tflite")
        return self
