"""What a student costs before it is trained, computed from the shapes of its network."""

import math
from dataclasses import dataclass

import numpy as np

from workers.compression.graph import Activation, Node, Pads
from workers.compression.student_values import ConvSpec, FoldedConvolution, Student, StudentPlan
from workers.compression.students.families import build_network


@dataclass(frozen=True)
class ShapeOnly:
    """A tensor of which only the shape is known: (batch, height, width, channels)."""

    shape: tuple[int, ...]


class CostCounter:
    """A NetworkBuilder that counts multiply-accumulates and collects the convolutions.

    ``ranged`` holds the activation of every other operation whose output has a range of its own.
    """

    def __init__(self) -> None:
        self.kernels: dict[str, tuple[int, int, int, int]] = {}
        self.convolutions: dict[str, ConvSpec] = {}
        self.ranged: dict[str, Activation] = {}
        self.macs = 0

    @property
    def parameters(self) -> int:
        """Weights and biases in the file."""
        weights = sum(map(math.prod, self.kernels.values()))
        return weights + sum(spec.filters for spec in self.convolutions.values())

    @property
    def has_depthwise(self) -> bool:
        """Whether the network has depthwise convolutions."""
        return any(spec.depthwise for spec in self.convolutions.values())

    def conv(self, x: ShapeOnly, spec: ConvSpec) -> ShapeOnly:
        kernel = spec.kernel_shape(x.shape[-1])
        height, width = _output_size(x, spec.size, (spec.stride, spec.stride), spec.padding)
        self.kernels[spec.name], self.convolutions[spec.name] = kernel, spec
        self.macs += height * width * math.prod(kernel)
        return ShapeOnly((1, height, width, spec.filters))

    def add(
        self, x: ShapeOnly, y: ShapeOnly, name: str, activation: Activation = "relu"
    ) -> ShapeOnly:
        if x != y:
            raise ValueError(f"{name}: {x} and {y} cannot be added")
        self.ranged[name] = activation
        return x

    def mean(self, x: ShapeOnly, name: str) -> ShapeOnly:
        self.ranged[name] = None
        return ShapeOnly((1, 1, 1, x.shape[-1]))

    def max_pool(self, x: ShapeOnly, window: Node) -> ShapeOnly:
        height, width = _output_size(x, window.size, window.stride, window.padding)
        return ShapeOnly((1, height, width, x.shape[-1]))

    def average_pool(self, x: ShapeOnly, window: Node) -> ShapeOnly:
        self.ranged[window.name] = None
        return self.max_pool(x, window)

    def pad(self, x: ShapeOnly, name: str, pads: Pads) -> ShapeOnly:
        rows, columns = pads
        height, width = x.shape[1] + sum(rows), x.shape[2] + sum(columns)
        return ShapeOnly((1, height, width, x.shape[-1]))

    def flatten(self, x: ShapeOnly) -> ShapeOnly:
        return ShapeOnly((1, x.shape[-1]))


def count_costs(plan: StudentPlan) -> CostCounter:
    """The costs of a student."""
    counter = CostCounter()
    build_network(counter, ShapeOnly((1, *plan.input_shape)), plan)
    return counter


def random_student(plan: StudentPlan) -> Student:
    """A student of random weights; its files have the bytes and the latency of a trained one's."""
    counter, rng = count_costs(plan), np.random.default_rng(0)
    convolutions = {}
    for name, spec in counter.convolutions.items():
        kernel = _random_array(rng, counter.kernels[name])
        bias = _random_array(rng, (spec.filters,))
        low, high = _random_range(rng, spec.activation)
        convolutions[name] = FoldedConvolution(kernel, bias, low, high)
    ranges = {}
    for name, activation in counter.ranged.items():
        ranges[name] = _random_range(rng, activation)
    return Student(plan, convolutions, ranges, 0.0)


def _random_range(rng: np.random.Generator, activation: Activation) -> tuple[float, float]:
    """A range that no other tensor has; the output of a ReLU starts at zero."""
    # Equal scales and zero points are written to a file only once, so equal ranges would make it
    # smaller than a trained student's.
    low, high = rng.uniform(0.5, 1.5, 2)
    return 0.0 if activation else -float(low), float(high)


def _random_array(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def _output_size(
    x: ShapeOnly, size: tuple[int, int], stride: tuple[int, int], padding: str
) -> tuple[int, int]:
    """Height and width after a window of ``size`` moved over ``x``."""
    height, width = x.shape[1:3]
    if padding == "valid":
        height, width = height - size[0] + 1, width - size[1] + 1
    return math.ceil(height / stride[0]), math.ceil(width / stride[1])
