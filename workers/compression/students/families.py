"""The student families: one function per family, written once for training, export and costs.

A network is built by a NetworkBuilder, which gives every operation its meaning: trainable layers,
constants for export, or only shapes. Operations of two students that have the same name and the
same input may be shared in training, so a name says where in the network it stands.
"""

from collections.abc import Iterator
from typing import Protocol

from workers.compression.graph import INPUT, Node
from workers.compression.student_values import ConvSpec, StudentPlan
from workers.compression.students import blocks
from workers.compression.students.blocks import NetworkBuilder, T

MAX_BLOCKS_PER_STAGE = 3


class Family(Protocol):
    """A function that builds a student and returns its logits (batch, 1, 1, classes)."""

    def __call__(self, builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T: ...


def build_network(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """The logits (batch, classes) of the scaled input ``x`` (batch, *plan.input_shape)."""
    return builder.flatten(FAMILIES[plan.family](builder, x, plan))


def resnet(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """CIFAR's residual network (He et al. 2015, section 4.2): stages of w, 2w and 4w channels.

    The shortcut into a new stage is a 1x1 convolution. With two blocks there is no first stage: it
    has most of the MACs and few of the weights.
    """
    x = blocks.stem(builder, x, plan)
    for name, filters, stride in _blocks(plan, stages=3):
        x = blocks.residual(builder, x, name, filters, stride)
    return blocks.head(builder, x, plan)


def mobilenet(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """Inverted residuals (Sandler et al. 2018, section 3): stages of w, 2w, 4w and 8w channels."""
    x = blocks.stem(builder, x, plan)
    for name, filters, stride in _blocks(plan, stages=4):
        x = blocks.inverted_residual(builder, x, name, filters, stride)
    x = builder.conv(x, ConvSpec("last", plan.width * 16, (1, 1)))
    return blocks.head(builder, x, plan)


def nasnet(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """Cells of separable convolutions (Zoph et al. 2018, figure 4): stages of w, 2w, 4w channels.

    A cell reads the outputs of the two cells before it. It has those pairs of the original that are
    separable convolutions, and adds where the original concatenates.
    """
    x = before = blocks.stem(builder, x, plan)
    for name, filters, stride in _blocks(plan, stages=3):
        x, before = blocks.cell(builder, x, before, name, filters, stride), x
    return blocks.head(builder, x, plan)


def pruned(builder: NetworkBuilder[T], x: T, plan: StudentPlan) -> T:
    """The teacher's own graph with the first ``plan.width`` percent of each group's channels."""
    assert plan.graph is not None
    outputs = {INPUT: x}
    for node in plan.graph.nodes:
        inputs = [outputs[name] for name in node.inputs]
        outputs[node.name] = _node(builder, inputs, node, plan)
    return outputs[plan.graph.nodes[-1].name]


FAMILIES: dict[str, Family] = {
    "resnet": resnet,
    "mobilenet": mobilenet,
    "nasnet": nasnet,
    "pruned": pruned,
}


def _blocks(plan: StudentPlan, stages: int) -> Iterator[tuple[str, int, int]]:
    """The name, channels and stride of each block.

    The last stages get their first block first. Further blocks fill up the stages from the first
    one on, so that a shallow student equals the beginning of a deep one.
    """
    last_stages = min(stages, plan.depth)
    counts = [0] * (stages - last_stages) + [1] * last_stages
    for stage in range(stages):
        counts[stage] += min(MAX_BLOCKS_PER_STAGE - 1, plan.depth - sum(counts))
        for block in range(counts[stage]):
            starts_stage = stage > 0 and block == 0
            yield f"stage{stage}_block{block}", plan.width * 2**stage, 2 if starts_stage else 1


def _node(builder: NetworkBuilder[T], inputs: list[T], node: Node, plan: StudentPlan) -> T:
    x = inputs[0]
    if node.kind in ("conv", "depthwise"):
        return builder.conv(x, _conv_spec(node, plan))
    if node.kind == "add":
        return builder.add(x, inputs[1], node.name, node.activation)
    if node.kind == "mean":
        return builder.mean(x, node.name)
    if node.kind == "pad":
        return builder.pad(x, node.name, node.pads)
    if node.kind == "max_pool":
        return builder.max_pool(x, node)
    return builder.average_pool(x, node)


def _conv_spec(node: Node, plan: StudentPlan) -> ConvSpec:
    # Without a group: the scaling or the logits, which keep all channels and are not normalized.
    is_whole = node.group is None
    filters = node.channels
    if not is_whole:
        filters = plan.channels(filters)
    return ConvSpec(
        node.name,
        filters,
        node.size,
        node.stride[0],
        node.activation,
        norm=not is_whole,
        padding=node.padding,
        depthwise=node.kind == "depthwise",
    )
