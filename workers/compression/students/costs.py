"""What a student costs before anything is trained: its network spoken in shapes alone."""

import math
from dataclasses import dataclass

import numpy as np

from workers.compression.students.families import network
from workers.compression.values import Folded, Student, StudentPlan, Unit


@dataclass(frozen=True)
class Shape:
    """A tensor of which only the shape is known: (batch, height, width, channels)."""

    shape: tuple[int, ...]


class Counted:
    """The vocabulary in shapes; keeps every unit and its kernel's shape, and counts
    multiply-accumulates.
    """

    def __init__(self) -> None:
        self.kernels: dict[str, tuple[int, int, int, int]] = {}
        self.units: dict[str, Unit] = {}
        self.ranged: dict[str, str | None] = {}
        self.macs = 0

    def unit(self, x: Shape, unit: Unit) -> Shape:
        kernel = unit.kernel(x.shape[-1])
        height, width = _spatial(x, unit.size, (unit.stride, unit.stride), unit.padding)
        self.kernels[unit.name], self.units[unit.name] = kernel, unit
        self.macs += height * width * math.prod(kernel)
        return Shape((1, height, width, unit.filters))

    def add(self, x: Shape, y: Shape, name: str, activation: str | None = "relu") -> Shape:
        if x != y:
            raise ValueError(f"{name}: {x} and {y} cannot be added")
        self.ranged[name] = activation
        return x

    def mean(self, x: Shape, name: str) -> Shape:
        self.ranged[name] = None
        return Shape((1, 1, 1, x.shape[-1]))

    def pool(
        self,
        x: Shape,
        name: str,
        kind: str,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: str,
    ) -> Shape:
        if kind == "average":
            self.ranged[name] = None
        return Shape((1, *_spatial(x, size, stride, padding), x.shape[-1]))

    def pad(self, x: Shape, name: str, pads: tuple[tuple[int, int], tuple[int, int]]) -> Shape:
        height, width = (side + sum(pad) for side, pad in zip(x.shape[1:3], pads, strict=True))
        return Shape((1, height, width, x.shape[-1]))

    def flat(self, x: Shape) -> Shape:
        return Shape((1, x.shape[-1]))


def counted(plan: StudentPlan) -> Counted:
    """The plan's kernels and MACs."""
    layers = Counted()
    network(layers, Shape((1, *plan.input_shape)), plan)
    return layers


def parameters(plan: StudentPlan) -> int:
    """Weights and biases as they stand in the file."""
    layers = counted(plan)
    return sum(map(math.prod, layers.kernels.values())) + sum(
        unit.filters for unit in layers.units.values()
    )


def untrained(plan: StudentPlan) -> Student:
    """A student of random constants: exported, it has the bytes and the latency that the trained
    one will have.
    """
    layers, rng = counted(plan), np.random.default_rng(0)
    convolutions = {
        name: Folded(
            _random(rng, layers.kernels[name]),
            _random(rng, (unit.filters,)),
            *_range(rng, unit.activation),
        )
        for name, unit in layers.units.items()
    }
    return Student(
        plan, convolutions, {name: _range(rng, each) for name, each in layers.ranged.items()}, 0.0
    )


def _range(rng: np.random.Generator, activation: str | None) -> tuple[float, float]:
    """As unlike any other tensor's as a trained one can be: equal zero points and scales are
    written once.

    What a ReLU gives begins at zero.
    """
    low, high = rng.uniform(0.5, 1.5, 2)
    return 0.0 if activation else -float(low), float(high)


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def _spatial(
    x: Shape, size: tuple[int, int], stride: tuple[int, int], padding: str
) -> tuple[int, int]:
    lost = (0, 0) if padding == "same" else (size[0] - 1, size[1] - 1)
    height, width = (
        -(-(side - less) // step)
        for side, less, step in zip(x.shape[1:3], lost, stride, strict=True)
    )
    return height, width
