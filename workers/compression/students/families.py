"""The student families: each network is written once over a vocabulary of layers, which trains or
exports it.

Names of layers tell where they stand: layers of two students that have the same name and the same
input may be one.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from workers.compression.values import StudentPlan, Unit

LARGEST_MAP = 48
LEAST_STEM = 16
MOST_BLOCKS = 3
EXPANSION = 4


class Vocabulary(Protocol):
    """What a network is built from; tensors are (batch, height, width, channels)."""

    def unit(self, x: Any, unit: Unit) -> Any:
        """A convolution with what belongs to it."""

    def add(self, x: Any, y: Any, name: str, activation: str | None = "relu") -> Any:
        """Sum of two tensors and an activation."""

    def mean(self, x: Any, name: str) -> Any:
        """Mean over height and width, kept as (batch, 1, 1, channels)."""

    def pool(
        self,
        x: Any,
        name: str,
        kind: str,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: str,
    ) -> Any:
        """``max`` or ``average`` pooling."""

    def pad(self, x: Any, name: str, pads: tuple[tuple[int, int], tuple[int, int]]) -> Any:
        """Zeros around height and width."""

    def flat(self, x: Any) -> Any:
        """Logits (batch, classes) from (batch, 1, 1, classes)."""


def network(layers: Vocabulary, images: Any, plan: StudentPlan) -> Any:
    """Logits (batch, classes) of scaled images (batch, height, width, channels)."""
    family = {"resnet": resnet, "mobilenet": mobilenet, "nasnet": nasnet, "teacher": teacher}[
        plan.family
    ]
    return layers.flat(family(layers, images, plan))


def resnet(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """CIFAR residual network (He et al. 2015, section 4.2) in three stages of w, 2w, 4w channels.

    Shortcuts between stages are projections, and the stem has 16 channels or more. With two blocks
    the first stage, which has most of the positions and few of the weights, is left out.
    """
    x = _stem(layers, x, plan)
    for name, filters, stride in _blocks(plan, stages=3):
        x = _residual(layers, x, name, filters, stride)
    return _head(layers, x, plan)


def mobilenet(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """Inverted residuals (Sandler et al. 2018, section 3) in four stages of w, 2w, 4w, 8w channels."""
    x = _stem(layers, x, plan)
    for name, filters, stride in _blocks(plan, stages=4):
        x = _inverted(layers, x, name, filters, stride)
    return _head(layers, layers.unit(x, Unit("last", plan.width * 16, (1, 1))), plan)


def nasnet(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """Separable-convolution cells (Zoph et al. 2018, figure 4) in three stages of w, 2w, 4w
    channels.

    A cell sees the outputs of the two cells before it. Of the search's pairs it keeps those with
    separable convolutions, and it adds where the original concatenates.
    """
    x = before = _stem(layers, x, plan)
    for name, filters, stride in _blocks(plan, stages=3):
        x, before = _cell(layers, x, before, name, filters, stride), x
    return _head(layers, x, plan)


def teacher(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """The teacher's own graph, of each group of channels the first ``width`` percent."""
    assert plan.graph is not None
    outputs = {"image": x}
    for node in plan.graph.nodes:
        inputs = [outputs[name] for name in node.inputs]
        outputs[node.name] = _node(layers, inputs, node, plan)
    return outputs[plan.graph.nodes[-1].name]


def _blocks(plan: StudentPlan, stages: int) -> Iterator[tuple[str, int, int]]:
    """Name, channels and stride of each block.

    The last stages get their first block first; further ones fill the stages from the first on, so
    that a shallow student is the beginning of a deep one.
    """
    counts = [int(stages - stage <= plan.depth) for stage in range(stages)]
    for stage in range(stages):
        counts[stage] += min(MOST_BLOCKS - 1, plan.depth - sum(counts))
        for block in range(counts[stage]):
            yield (
                f"stage{stage}_block{block}",
                plan.width * 2**stage,
                2 if stage and not block else 1,
            )


def _node(layers: Vocabulary, inputs: list[Any], node: Any, plan: StudentPlan) -> Any:
    x, norm = inputs[0], node.group is not None
    if node.kind in ("conv", "depthwise"):
        filters = plan.channels(node.channels) if norm else node.channels
        unit = Unit(
            node.name, filters, node.size, node.stride[0], node.activation, norm, node.padding
        )
        return layers.unit(x, replace(unit, depthwise=node.kind == "depthwise"))
    if node.kind == "add":
        return layers.add(x, inputs[1], node.name, node.activation)
    if node.kind == "mean":
        return layers.mean(x, node.name)
    if node.kind == "pad":
        return layers.pad(x, node.name, node.pads)
    return layers.pool(
        x, node.name, node.kind.removesuffix("_pool"), node.size, node.stride, node.padding
    )


def _stem(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """Strided for inputs over 48 pixels, twice over 96; alike in all students of up to 16 channels,
    which share it.
    """
    side, filters = max(plan.input_shape[:2]), max(LEAST_STEM, plan.width)
    x = layers.unit(x, Unit("stem", filters, stride=2 if side > LARGEST_MAP else 1))
    return layers.unit(x, Unit("stem_2", filters, stride=2)) if side > 2 * LARGEST_MAP else x


def _head(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    return layers.unit(
        layers.mean(x, "pool"), Unit("logits", plan.classes, (1, 1), activation=None, norm=False)
    )


def _residual(layers: Vocabulary, x: Any, name: str, filters: int, stride: int) -> Any:
    y = layers.unit(x, Unit(f"{name}_a", filters, stride=stride))
    y = layers.unit(y, Unit(f"{name}_b", filters, activation=None))
    straight = stride == 1 and x.shape[-1] == filters
    shortcut = (
        x
        if straight
        else layers.unit(x, Unit(f"{name}_skip", filters, (1, 1), stride, activation=None))
    )
    return layers.add(shortcut, y, f"{name}_sum")


def _inverted(layers: Vocabulary, x: Any, name: str, filters: int, stride: int) -> Any:
    y = layers.unit(x, Unit(f"{name}_expand", x.shape[-1] * EXPANSION, (1, 1)))
    y = layers.unit(y, Unit(f"{name}_depthwise", y.shape[-1], stride=stride, depthwise=True))
    y = layers.unit(y, Unit(f"{name}_project", filters, (1, 1), activation=None))
    return layers.add(x, y, f"{name}_sum", activation=None) if y.shape == x.shape else y


def _cell(layers: Vocabulary, x: Any, before: Any, name: str, filters: int, stride: int) -> Any:
    """Separable 3x3 and 5x5 convolutions of ``x`` and a 3x3 of ``before``, added; ``x`` too unless
    strided.
    """
    here = layers.unit(x, Unit(f"{name}_here", filters, (1, 1)))
    shrink = max(
        -(-large // small) for large, small in zip(before.shape[1:3], x.shape[1:3], strict=True)
    )
    before = layers.unit(before, Unit(f"{name}_before", filters, (1, 1), shrink))
    y = layers.add(
        _separable(layers, here, f"{name}_here3", 3, stride),
        _separable(layers, here, f"{name}_here5", 5, stride),
        f"{name}_sum_here",
        activation=None,
    )
    y = layers.add(
        y, _separable(layers, before, f"{name}_before3", 3, stride), f"{name}_sum_before"
    )
    return y if stride > 1 else layers.add(here, y, f"{name}_sum")


def _separable(layers: Vocabulary, x: Any, name: str, size: int, stride: int) -> Any:
    filters, sides = x.shape[-1], (size, size)
    x = layers.unit(
        x, Unit(f"{name}_depthwise", filters, sides, stride, activation=None, depthwise=True)
    )
    return layers.unit(x, Unit(f"{name}_point", filters, (1, 1), activation=None))
