"""What was found in an uploaded model and in an uploaded dataset, with units."""

from typing import Literal

from pydantic import Field

from service.contract.figures import Count, ImagesPerClass, NamedTensor, Strict, Text

EXIF_TURNED = "Images that their EXIF orientation turns or mirrors."


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


class SplitCounts(Strict):
    train: Count
    val: Count
    test: Count


class DuplicatesDropped(Strict):
    """Images that are copies of a held-out image and were not trained or validated on."""

    train: Count
    val: Count


class LeftOut(Strict):
    """Files of an archive that are not used."""

    unreadable: list[Text] = Field(max_length=100, description="Of the first 100: path and reason.")
    unreadable_count: Count
    ignored_files: Count = Field(description="Files that are no images in class folders.")
    in_two_classes: Count = Field(0, description="Images that lie in several class folders.")
    in_two_classes_example: list[Text] = Field(
        default_factory=list, max_length=2, description="Two paths of one of them."
    )


class DataSummary(LeftOut):
    """The dataset as it was trained on."""

    classes: list[Text] = Field(max_length=10_000, description="In the order of the outputs.")
    counts: SplitCounts
    split_given: bool = Field(description="Whether the archive has train/, val/ or test/.")
    duplicates_dropped: DuplicatesDropped
    near_copies: Count = Field(
        0, description="Images that are nearly equal to another one: re-encoded or resized."
    )
    near_copies_example: list[Text] = Field(
        default_factory=list, max_length=2, description="Two paths of such images."
    )
    grey_bits: Count = Field(16, description="Bits that the values of 16-bit grey images need.")
    exif_turned: Count = Field(0, description=EXIF_TURNED)
    resize_filter: Text | None = Field(
        None, description="How images were resized for training and test; apps do it the same way."
    )
    exif_applied: bool = Field(
        True, description="False: the teacher was better on the images as they are stored."
    )


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
    exif_turned: Count = Field(0, description=EXIF_TURNED)
