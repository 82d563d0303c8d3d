"""All students as one trainable Keras network; small ones branch off the largest one's layers."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import KerasTensor, ops

from workers.compression.graph import Activation, Node, Pads
from workers.compression.student_values import ConvSpec, StudentPlan
from workers.compression.students.families import build_network
from workers.compression.training.branch import Branch
from workers.compression.training.convolutions import (
    ACTIVATIONS,
    Convolution,
    DepthwiseConvolution,
)
from workers.compression.training.quantizer import Quantizer

Layer = Convolution | Quantizer | None


@dataclass(frozen=True)
class Operation:
    """An operation of a network: its inputs, its output, and its layer if it has one."""

    inputs: tuple[KerasTensor, ...]
    output: KerasTensor
    layer: Layer


class StudentLayers:
    """A NetworkBuilder that makes trainable layers, and keeps those of its student.

    ``trunk`` are the layers of the largest student. An operation that has the same name, the same
    number of channels and the same inputs there is shared. Where the student leaves the trunk, a
    Branch makes its gradient smaller.
    """

    def __init__(self, student: str, trunk: "StudentLayers | None", prunable: bool):
        self.student = student
        self.trunk = trunk
        self.prunable = prunable
        self.operations: dict[str, Operation] = {}
        self.branches: dict[int, KerasTensor] = {}

    @property
    def convolutions(self) -> dict[str, Convolution]:
        """The convolutions by name."""
        found = {}
        for name, operation in self.operations.items():
            if isinstance(operation.layer, Convolution):
                found[name] = operation.layer
        return found

    @property
    def quantizers(self) -> dict[str, Quantizer]:
        """The quantizers of operations that are not convolutions, by name."""
        found = {}
        for name, operation in self.operations.items():
            if isinstance(operation.layer, Quantizer):
                found[name] = operation.layer
        return found

    def conv(self, x: KerasTensor, spec: ConvSpec) -> KerasTensor:
        if spec.norm and (shared := self._shared(spec.name, spec.filters, (x,))):
            return self._keep(spec.name, shared)
        # Logits, which have no normalization, are never shared and never pruned.
        kind = DepthwiseConvolution if spec.depthwise else Convolution
        prunable = self.prunable and spec.norm and not spec.depthwise
        layer = kind(self.student, spec, x.shape[-1], prunable)
        return self._keep(spec.name, Operation((x,), layer(self._leave_trunk(x)), layer))

    def add(
        self, x: KerasTensor, y: KerasTensor, name: str, activation: Activation = "relu"
    ) -> KerasTensor:
        return self._with_range(name, lambda a, b: ACTIVATIONS[activation](a + b), x, y)

    def mean(self, x: KerasTensor, name: str) -> KerasTensor:
        return self._with_range(name, lambda a: ops.mean(a, axis=(1, 2), keepdims=True), x)

    def max_pool(self, x: KerasTensor, window: Node) -> KerasTensor:
        return self._without_range(
            window.name, lambda a: ops.max_pool(a, window.size, window.stride, window.padding), x
        )

    def average_pool(self, x: KerasTensor, window: Node) -> KerasTensor:
        return self._with_range(
            window.name,
            lambda a: ops.average_pool(a, window.size, window.stride, window.padding),
            x,
        )

    def pad(self, x: KerasTensor, name: str, pads: Pads) -> KerasTensor:
        return self._without_range(name, lambda a: ops.pad(a, ((0, 0), *pads, (0, 0))), x)

    def flatten(self, x: KerasTensor) -> KerasTensor:
        return ops.squeeze(x, axis=(1, 2))

    def _without_range(
        self, name: str, compute: Callable[[KerasTensor], KerasTensor], x: KerasTensor
    ) -> KerasTensor:
        """An operation whose output has the range of its input."""
        if shared := self._shared(name, x.shape[-1], (x,)):
            return self._keep(name, shared)
        return self._keep(name, Operation((x,), compute(self._leave_trunk(x)), None))

    def _with_range(
        self, name: str, compute: Callable[..., KerasTensor], *inputs: KerasTensor
    ) -> KerasTensor:
        """An operation whose output has a range of its own, and so a quantizer."""
        if shared := self._shared(name, inputs[0].shape[-1], inputs):
            return self._keep(name, shared)
        quantizer = Quantizer(f"{self.student}_{name}")
        output = quantizer(compute(*map(self._leave_trunk, inputs)))
        return self._keep(name, Operation(inputs, output, quantizer))

    def _keep(self, name: str, operation: Operation) -> KerasTensor:
        self.operations[name] = operation
        return operation.output

    def _shared(
        self, name: str, channels: int, inputs: tuple[KerasTensor, ...]
    ) -> Operation | None:
        """The trunk's operation of that name, if it is the same."""
        operation = self.trunk.operations.get(name) if self.trunk else None
        if operation is None or operation.output.shape[-1] != channels:
            return None
        for own, trunks in zip(inputs, operation.inputs, strict=True):
            if own is not trunks:
                return None
        return operation

    def _leave_trunk(self, x: KerasTensor) -> KerasTensor:
        """``x``, through a Branch if it is an output of the trunk."""
        if self.trunk is None:
            return x
        is_trunks = any(x is operation.output for operation in self.trunk.operations.values())
        if not is_trunks:
            return x
        if id(x) not in self.branches:
            self.branches[id(x)] = Branch()(x)
        return self.branches[id(x)]


def build_students(
    plans: tuple[StudentPlan, ...], prunable: bool = False
) -> tuple[dict[str, StudentLayers], keras.Model]:
    """The layers of every student, and the model from scaled inputs to the logits of each by name.

    ``plans`` are sorted, the largest first.
    """
    x = keras.Input(plans[0].input_shape, name="images")
    students: dict[str, StudentLayers] = {}
    logits: dict[str, KerasTensor] = {}
    for plan in plans:
        trunk = students.get(plans[0].name)
        students[plan.name] = StudentLayers(plan.name, trunk, prunable)
        logits[plan.name] = build_network(students[plan.name], x, plan)
    return students, keras.Model(x, logits)
