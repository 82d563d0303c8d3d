"""The students as trainable Keras networks; small ones branch off from the largest one's first
layers.
"""

import operator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from workers.compression.students.families import network
from workers.compression.training.layers import (
    ACTIVATIONS,
    Branch,
    Convolution,
    DepthwiseConvolution,
    Quantizer,
)
from workers.compression.values import StudentPlan, Unit


@dataclass(frozen=True)
class Step:
    """What a named layer was applied to and what it gave; ``layer`` is its unit or its quantizer."""

    inputs: tuple[Any, ...]
    output: Any
    layer: Any


class Trainable:
    """The vocabulary of trainable layers.

    With a ``trunk``, another student's layers, a layer that has the same name, the same filters and
    the same input there is that one: both students are the same network up to where they differ.
    Behind that the gradient of the smaller one is weakened, so that the trunk stays the larger
    one's.
    """

    def __init__(self, student: str, trunk: "Trainable | None", prunable: bool):
        self.student, self.trunk, self.prunable = student, trunk, prunable
        self.steps: dict[str, Step] = {}
        self.branches: dict[int, Any] = {}

    @property
    def convolutions(self) -> dict[str, Convolution]:
        return {
            name: step.layer
            for name, step in self.steps.items()
            if isinstance(step.layer, Convolution)
        }

    @property
    def quantizers(self) -> dict[str, Quantizer]:
        return {
            name: step.layer
            for name, step in self.steps.items()
            if isinstance(step.layer, Quantizer)
        }

    def unit(self, x: Any, unit: Unit) -> Any:
        def make(own: Any) -> tuple[Any, Any]:
            prunable = self.prunable and unit.norm and not unit.depthwise
            layer = (DepthwiseConvolution if unit.depthwise else Convolution)(
                self.student, unit, x.shape[-1], prunable
            )
            return layer, layer(own)

        return self._step(unit.name, unit.filters, make, x, shareable=unit.norm)

    def add(self, x: Any, y: Any, name: str, activation: str | None = "relu") -> Any:
        return self._ranged(name, x.shape[-1], lambda a, b: ACTIVATIONS[activation](a + b), x, y)

    def mean(self, x: Any, name: str) -> Any:
        return self._ranged(name, x.shape[-1], lambda a: ops.mean(a, axis=(1, 2), keepdims=True), x)

    def pool(
        self,
        x: Any,
        name: str,
        kind: str,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: str,
    ) -> Any:
        if kind == "max":
            return self._plain(name, lambda a: ops.max_pool(a, size, stride, padding), x)
        return self._ranged(
            name, x.shape[-1], lambda a: ops.average_pool(a, size, stride, padding), x
        )

    def pad(self, x: Any, name: str, pads: tuple[tuple[int, int], tuple[int, int]]) -> Any:
        return self._plain(name, lambda a: ops.pad(a, ((0, 0), *pads, (0, 0))), x)

    def flat(self, x: Any) -> Any:
        return ops.squeeze(x, axis=(1, 2))

    def _plain(self, name: str, compute: Any, x: Any) -> Any:
        """What changes no range and has no weights."""
        return self._step(name, x.shape[-1], lambda own: (None, compute(own)), x)

    def _ranged(self, name: str, filters: int, compute: Any, *inputs: Any) -> Any:
        def make(*own: Any) -> tuple[Any, Any]:
            quantizer = Quantizer(f"{self.student}_{name}")
            return quantizer, quantizer(compute(*own))

        return self._step(name, filters, make, *inputs)

    def _step(
        self, name: str, filters: int, make: Any, *inputs: Any, shareable: bool = True
    ) -> Any:
        """The trunk's layer of that name where it is the same, else what ``make`` gives for the
        student's inputs.

        Logits are every student's own, even where all else is the same.
        """
        step = self.trunk.steps.get(name) if self.trunk and shareable else None
        same = (
            step
            and step.output.shape[-1] == filters
            and all(map(operator.is_, step.inputs, inputs))
        )
        if step is None or not same:
            layer, output = make(*map(self._own, inputs))
            step = Step(inputs, output, layer)
        self.steps[name] = step
        return step.output

    def _own(self, x: Any) -> Any:
        """``x``, or a branch from it where a layer of the trunk gives it."""
        if self.trunk is None or not any(x is step.output for step in self.trunk.steps.values()):
            return x
        if id(x) not in self.branches:
            self.branches[id(x)] = Branch()(x)
        return self.branches[id(x)]


def build(
    plans: tuple[StudentPlan, ...], prunable: bool = False
) -> tuple[dict[str, Trainable], keras.Model]:
    """The layers of every student by name, and the model from scaled images to all their logits by
    name.

    ``plans`` are largest first.
    """
    images = keras.Input(plans[0].input_shape, name="images")
    layers: dict[str, Trainable] = {}
    logits: dict[str, Any] = {}
    for plan in plans:
        layers[plan.name] = Trainable(plan.name, layers.get(plans[0].name), prunable)
        logits[plan.name] = network(layers[plan.name], images, plan)
    return layers, keras.Model(images, logits)
