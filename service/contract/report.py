"""What a job answers: report.json and its rows.

The engine writes plain JSON; the supervisor validates it with these models, because the process
that wrote it ran a stranger's model.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from service.contract.descriptions import DataSummary, ModelDescription
from service.contract.figures import (
    Accuracies,
    Count,
    Digest,
    FileName,
    Latency,
    Measure,
    RowName,
    Share,
    Strict,
    Text,
    VariantMetrics,
)
from service.contract.job import (
    Effort,
    InputScaling,
    Quantization,
    StudentFamily,
    TeacherOutput,
    TeacherTraining,
)

PLOT_NAME = "accuracy_over_bytes"
"""Of both files of a job's plot, without .png and .svg."""


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
    scaling_accuracies: dict[InputScaling, Share] = Field(
        description="Top-1 on training images under each scaling tried: on 256 images, of the best "
        "four on up to 2,000."
    )


class ReportedVariant(VariantMetrics):
    """One row of ``variants``."""

    name: RowName
    file: FileName
    sha256: Digest
    bytes: Count


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
    keep_grey: bool = Field(True, description="Whether files of a grey teacher take one channel.")
    input_shape: list[Count] = Field(max_length=3, description="Students' height, width, channels.")
    epochs: Count
    quantization_epochs: Count
    batch: Count
    max_minutes: Measure | None = Field(None, description="From which the epochs followed.")
    epoch_examples: Count = Field(0, description="Of each epoch, drawn anew; 0: all.")
    rate: Measure = Field(description="Peak learning rate of the float training.")
    quantization_rate: Measure
    weight_decay: Measure
    temperature: Measure
    soft_weight: Share
    teacher_weight: Share
    mirrored: bool
    shift: Count = Field(description="Largest translation, pixels.")
    latency_runs: Count


class Provenance(Strict):
    """Where the files come from; their metadata says the same."""

    job: Text | None = Field(description="Null where no service was used.")
    date: Text = Field(description="On which the job was created, YYYY-MM-DD.")
    teacher_sha256: Digest
    dataset_sha256: Digest
    version: Text = Field(description="Of learn2compress.")
    license: Text | None


class Versions(Strict):
    python: Text
    tensorflow: Text
    keras: Text
    tf_keras: Text
    ai_edge_litert: Text
    numpy: Text
    pillow: Text


class Machine(Strict):
    """Where the job ran. Latency and minutes hold for it alone."""

    cpu: Text
    cores: Count = Field(description="That the job could use.")
    instructions: list[Text] = Field(
        max_length=20, description="Vector instructions, by Linux's names, e.g. avx512_bf16."
    )


class ReportSummary(Strict):
    """A report without its rows."""

    recipe: RecipeReport
    minutes: Measure = Field(description="Of training.")
    data: DataSummary
    warnings: list[Text] = Field(max_length=1000)
    versions: Versions
    machine: Machine | None = Field(None, description="Null in reports of older versions.")
    provenance: Provenance | None = Field(None, description="Null in reports of older versions.")


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
