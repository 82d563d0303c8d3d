"""How pixels become the input of students; the files' metadata says the same to an app."""

import numpy as np

from workers.compression.values import Split, Tensor

MEAN, STD = 128.0, 127.5
"""uint8 holds pixels scaled like this exactly: a scale of 1 / 127.5, a zero point of 128."""


def scale(pixels: Tensor) -> Tensor:
    """Float32 pixels 0..255, array or tensor of any shape, as students take them: about -1..1."""
    return (pixels - MEAN) / STD


LOW, HIGH = scale(0.0), scale(255.0)
"""The range of scaled pixels."""


def calibration_examples(train: Split, count: int) -> np.ndarray:
    """``count`` training images, not scaled, which show a converter the ranges of tensors."""
    images = train.sample(count).features
    # The input has the range of all pixels, whatever these images contain.
    images[:, 0, 0], images[:, -1, -1] = 0, 255
    return images
