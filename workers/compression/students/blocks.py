"""The operations that a network is built of, and the blocks of the families."""

import math
from typing import Protocol, TypeVar

from workers.compression.graph import Activation, Node, Pads
from workers.compression.student_values import ConvSpec, StudentPlan

MAX_MAP_SIDE = 48
"""Pixels that the first stage sees at most; larger inputs are halved once or twice before it."""
MIN_STEM_CHANNELS = 16
EXPANSION = 4
"""Inner channels per input channel of an inverted residual."""


class HasShape(Protocol):
    """A tensor (batch, height, width, channels)."""

    @property
    def shape(self) -> tuple[int, ...]: ...


T = TypeVar("T", bound=HasShape)
"""The tensors of one kind of builder."""


class NetworkBuilder(Protocol[T]):
    """The operations of a network; tensors are (batch, height, width, channels)."""

    def conv(self, x: T, spec: ConvSpec) -> T:
        """A convolution with its batch normalization and activation."""

    def add(self, x: T, y: T, name: str, activation: Activation = "relu") -> T:
        """The sum of two tensors, and an activation."""

    def mean(self, x: T, name: str) -> T:
        """The mean over height and width, (batch, 1, 1, channels)."""

    def max_pool(self, x: T, window: Node) -> T:
        """Max pooling with the name, size, stride and padding of ``window``."""

    def average_pool(self, x: T, window: Node) -> T:
        """Average pooling with the name, size, stride and padding of ``window``."""

    def pad(self, x: T, name: str, pads: Pads) -> T:
        """Zeros before and after height and width."""

    def flatten(self, x: T) -> T:
        """Logits (batch, classes) from (batch, 1, 1, classes)."""


def stem(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """The first convolution, strided for inputs over 48 pixels, and twice over 96.

    It is equal in all students of up to 16 channels, so that they share it.
    """
    side, filters = max(plan.input_shape[:2]), max(MIN_STEM_CHANNELS, plan.width)
    stride = 1
    if side > MAX_MAP_SIDE:
        stride = 2
    x = builder.conv(x, ConvSpec("stem", filters, stride=stride))
    if side > 2 * MAX_MAP_SIDE:
        x = builder.conv(x, ConvSpec("stem_2", filters, stride=2))
    return x


def head(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """The mean over the map, and the logits."""
    pooled = builder.mean(x, "pool")
    logits = ConvSpec("logits", plan.classes, (1, 1), activation=None, norm=False)
    return builder.conv(pooled, logits)


def residual(builder: NetworkBuilder[T], x: T, name: str, filters: int, stride: int) -> T:
    """Two 3x3 convolutions and a shortcut (He et al. 2015, figure 2)."""
    y = builder.conv(x, ConvSpec(f"{name}_a", filters, stride=stride))
    y = builder.conv(y, ConvSpec(f"{name}_b", filters, activation=None))
    if stride != 1 or x.shape[-1] != filters:
        x = builder.conv(x, ConvSpec(f"{name}_skip", filters, (1, 1), stride, activation=None))
    return builder.add(x, y, f"{name}_sum")


def inverted_residual(builder: NetworkBuilder[T], x: T, name: str, filters: int, stride: int) -> T:
    """A wide depthwise convolution between two 1x1 convolutions (Sandler et al. 2018, figure 3)."""
    inner = x.shape[-1] * EXPANSION
    y = builder.conv(x, ConvSpec(f"{name}_expand", inner, (1, 1)))
    y = builder.conv(y, ConvSpec(f"{name}_depthwise", inner, stride=stride, depthwise=True))
    y = builder.conv(y, ConvSpec(f"{name}_project", filters, (1, 1), activation=None))
    if y.shape != x.shape:
        return y
    return builder.add(x, y, f"{name}_sum", activation=None)


def cell(builder: NetworkBuilder[T], x: T, before: T, name: str, filters: int, stride: int) -> T:
    """Separable 3x3 and 5x5 convolutions of ``x`` and 3x3 of ``before``, added.

    ``x`` is added too, unless the cell is strided.
    """
    here = builder.conv(x, ConvSpec(f"{name}_here", filters, (1, 1)))
    before = builder.conv(
        before, ConvSpec(f"{name}_before", filters, (1, 1), _stride_between(before, x))
    )
    here3 = _separable(builder, here, f"{name}_here3", 3, stride)
    here5 = _separable(builder, here, f"{name}_here5", 5, stride)
    before3 = _separable(builder, before, f"{name}_before3", 3, stride)
    y = builder.add(here3, here5, f"{name}_sum_here", activation=None)
    y = builder.add(y, before3, f"{name}_sum_before")
    if stride == 1:
        y = builder.add(here, y, f"{name}_sum")
    return y


def _stride_between(large: T, small: T) -> int:
    """The stride that brings ``large`` to the height and width of ``small``."""
    rows = math.ceil(large.shape[1] / small.shape[1])
    columns = math.ceil(large.shape[2] / small.shape[2])
    return int(max(rows, columns))


def _separable(builder: NetworkBuilder[T], x: T, name: str, size: int, stride: int) -> T:
    filters = x.shape[-1]
    depthwise = ConvSpec(f"{name}_depthwise", filters, (size, size), stride, None, depthwise=True)
    pointwise = ConvSpec(f"{name}_point", filters, (1, 1), activation=None)
    return builder.conv(builder.conv(x, depthwise), pointwise)
