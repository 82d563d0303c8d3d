"""Which inputs and outputs a teacher may have: one image in, one score per class out."""

from collections.abc import Sequence

from workers.compression.errors import CompressionError
from workers.compression.values import Shape

ASSUMED_SIZE = (224, 224)
"""Height and width, for a teacher that takes any, where nothing else is known."""
USE_A_CLASSIFIER = (
    "Upload an image classifier that takes (N, height, width, channels) and returns (N, classes)."
)

PartialShape = tuple[int | None, ...]
"""A shape with None for each dimension of any size."""
Size = tuple[int, int]
"""Height and width in pixels."""


def check_counts(inputs: int, outputs: int) -> None:
    """Refuse a model with several inputs or outputs.

    Raises:
        CompressionError: several_inputs or several_outputs.
    """
    if inputs != 1:
        hint = "Upload an image classifier that takes one image."
        raise CompressionError("several_inputs", f"The model takes {inputs} inputs.", hint)
    if outputs != 1:
        hint = "Upload a model with a single output: one score per class."
        raise CompressionError("several_outputs", f"The model returns {outputs} outputs.", hint)


def complete_shape(shape: PartialShape, size: Size = ASSUMED_SIZE) -> list[int | None]:
    """``shape`` with ``size`` for an unknown height or width; the batch stays open.

    Raises:
        CompressionError: unsupported_input, where the model does not take images, or
            channels_first.
    """
    is_grey = len(shape) == 3
    has_channels = len(shape) == 4 and shape[-1] in (1, 3)
    if len(shape) == 4 and not has_channels and shape[1] in (1, 3):
        raise channels_first(f"The model takes {shape}: channels_first")
    if not is_grey and not has_channels:
        expected = "(N, height, width, 1 or 3) or (N, height, width)"
        raise unsupported_input(f"The model takes {shape}, not images {expected}.")
    height, width = shape[1:3]
    return [None, height or size[0], width or size[1], *shape[3:]]


def is_size_assumed(shape: PartialShape) -> bool:
    """Whether the model takes images of any size."""
    return None in shape[1:3]


def any_size_hint(shape: Sequence[int | None]) -> str:
    """What to try after a refusal, for a model of any size that was given ``shape``."""
    return (
        f" The model takes images of any size and was given {shape[1]} x {shape[2]}: if it was"
        " trained at another size, state it with input_size."
    )


def example_shape(shape: Sequence[int]) -> Shape:
    """(height, width, channels) from the input's stored shape; its channels may be left out."""
    height, width, *channels = shape[1:]
    return height, width, *(channels or [1])


def channels_first(what: str) -> CompressionError:
    """The error for a model whose images or maps have their channels before height and width."""
    hint = (
        "Build the model again with data_format='channels_last', load its weights, and save it."
        " The kernels of both forms are the same."
    )
    return CompressionError("channels_first", f"{what}, which does not run on a CPU.", hint)


def unsupported_input(message: str) -> CompressionError:
    """The error for a model whose input or output is not an image classifier's."""
    return CompressionError("unsupported_input", message, USE_A_CLASSIFIER)
