"""Student networks: one residual network, written once over a vocabulary of layers.

``Vocabulary`` is spoken twice: here by trainable Keras layers, and by the exporter with folded constants. Both give
every layer the same name, so that what is trained is what is exported. The network is the CIFAR residual network of He
et al. 2015 (section 4.2), with ``depth`` blocks in each of three stages of widths w, 2w, 4w.
"""

from typing import Any, Protocol

import keras
from keras import ops

from workers.compression.values import StudentPlan

LARGEST_MAP = 48
STAGES = 3


class Vocabulary(Protocol):
    """What a network is built from; tensors are (batch, height, width, channels)."""

    def conv(self, x: Any, name: str, filters: int, size: int, stride: int = 1, relu: bool = True) -> Any:
        """Convolution, batch normalization and, unless ``relu`` is off, a ReLU; ``same`` padding."""

    def add(self, x: Any, y: Any, name: str) -> Any:
        """Sum of two tensors and a ReLU."""

    def mean(self, x: Any, name: str) -> Any:
        """Mean over height and width, kept as (batch, 1, 1, channels)."""

    def head(self, x: Any, name: str, classes: int) -> Any:
        """Logits (batch, classes) from (batch, 1, 1, channels)."""


def resnet(layers: Vocabulary, x: Any, plan: StudentPlan) -> Any:
    """Logits (batch, classes) of scaled images; strided stems bring inputs over 48 pixels down first."""
    side = max(plan.input_shape[:2])
    x = layers.conv(x, "stem", plan.width, 3, stride=2 if side > LARGEST_MAP else 1)
    if side > 2 * LARGEST_MAP:
        x = layers.conv(x, "stem_2", plan.width, 3, stride=2)
    for stage in range(STAGES):
        for block in range(plan.depth):
            stride = 2 if stage and not block else 1
            x = _block(layers, x, f"stage{stage}_block{block}", plan.width * 2**stage, stride)
    return layers.head(layers.mean(x, "pool"), "logits", plan.classes)


def _block(layers: Vocabulary, x: Any, name: str, filters: int, stride: int) -> Any:
    y = layers.conv(x, f"{name}_a", filters, 3, stride)
    y = layers.conv(y, f"{name}_b", filters, 3, relu=False)
    shortcut = layers.conv(x, f"{name}_skip", filters, 1, stride, relu=False) if stride > 1 else x
    return layers.add(shortcut, y, f"{name}_sum")


class Quantizer(keras.layers.Layer):
    """Fake quantization of a tensor to 8 bits over a tracked range (Jacob et al. 2018, section 3).

    ``mode`` is ``float`` (identity), ``calibrate`` (identity, tracking the range) or ``quantized`` (both). The range is
    an exponential moving average of each training batch's extremes, and always holds zero.
    """

    MOMENTUM = 0.95

    def __init__(self, name: str):
        super().__init__(name=name)
        self.mode = "float"
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="high", shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        if self.mode != "float" and training:
            self._track(self.low, ops.minimum(ops.min(x), 0.0))
            self._track(self.high, ops.maximum(ops.max(x), 0.0))
        if self.mode != "quantized":
            return x
        return keras.quantizers.fake_quant_with_min_max_vars(x, self.low, self.high)

    def _track(self, bound: Any, value: Any) -> None:
        value = ops.stop_gradient(value)
        blended = self.MOMENTUM * bound + (1 - self.MOMENTUM) * value
        bound.assign(ops.where(bound == 0.0, value, blended))


class Convolution(keras.layers.Layer):
    """Convolution, batch normalization and ReLU as one unit that can be folded and fake-quantized.

    With a ``parent`` its kernel is the leading slice of the parent's: students share parameters by nesting (Yu et al.
    2018, slimmable networks), while each keeps batch-norm statistics of its own. In ``quantized`` mode the moving
    statistics are folded into the kernel before that is quantized per output channel (narrow range), which is the
    arithmetic of the exported file.
    """

    def __init__(
        self,
        name: str,
        inputs: int,
        filters: int,
        size: int,
        stride: int,
        relu: bool,
        norm: bool,
        parent: "Convolution | None",
    ):
        super().__init__(name=name)
        self.strides, self.relu, self.mode = stride, relu, "float"
        self.parent = parent
        self.inputs, self.filters = inputs, filters
        if parent is None:
            self.own_kernel = self.add_weight(
                name="kernel", shape=(size, size, inputs, filters), initializer="he_normal"
            )
        self.norm = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name="norm") if norm else None
        if self.norm is None:
            self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros")
        else:
            self.norm.build((None, None, None, filters))
        self.quantizer = Quantizer("range")

    @property
    def kernel(self) -> Any:
        """(height, width, inputs, filters): its own, or the leading channels of its parent's."""
        if self.parent is None:
            return self.own_kernel
        return self.parent.kernel[:, :, : self.inputs, : self.filters]

    def folded(self) -> tuple[Any, Any]:
        """Kernel and bias (filters,) with the normalization's moving statistics folded in."""
        if self.norm is None:
            return self.kernel, self.bias
        scale = self.norm.gamma * ops.rsqrt(self.norm.moving_variance + self.norm.epsilon)
        return self.kernel * scale, self.norm.beta - self.norm.moving_mean * scale

    def call(self, x: Any, training: bool = False) -> Any:
        x = self._quantized(x) if self.mode == "quantized" else self._float(x, training and self.mode == "float")
        return self.quantizer(ops.relu(x) if self.relu else x, training=training)

    def _float(self, x: Any, training: bool) -> Any:
        x = ops.conv(x, self.kernel, strides=self.strides, padding="same")
        return x + self.bias if self.norm is None else self.norm(x, training=training)

    def _quantized(self, x: Any) -> Any:
        kernel, bias = self.folded()
        reach = ops.stop_gradient(ops.max(ops.abs(kernel), axis=(0, 1, 2)) + 1e-8)
        kernel = keras.quantizers.fake_quant_with_min_max_vars(kernel, -reach, reach, narrow_range=True, axis=-1)
        return ops.conv(x, kernel, strides=self.strides, padding="same") + bias


class Trainable:
    """The vocabulary of trainable layers; ``parent`` is the wider student's, whose kernels are shared."""

    def __init__(self, student: str, parent: "Trainable | None" = None):
        self.student, self.parent = student, parent
        self.convolutions: dict[str, Convolution] = {}
        self.quantizers: dict[str, Quantizer] = {}

    def conv(self, x: Any, name: str, filters: int, size: int, stride: int = 1, relu: bool = True) -> Any:
        return self._unit(x, name, filters, size, stride, relu, norm=True)

    def add(self, x: Any, y: Any, name: str) -> Any:
        return self._quantizer(name)(ops.relu(x + y))

    def mean(self, x: Any, name: str) -> Any:
        return self._quantizer(name)(ops.mean(x, axis=(1, 2), keepdims=True))

    def head(self, x: Any, name: str, classes: int) -> Any:
        return ops.squeeze(self._unit(x, name, classes, 1, 1, relu=False, norm=False), axis=(1, 2))

    def _unit(self, x: Any, name: str, filters: int, size: int, stride: int, relu: bool, norm: bool) -> Any:
        parent = self.parent.convolutions[name] if self.parent else None
        unit = Convolution(f"{self.student}_{name}", x.shape[-1], filters, size, stride, relu, norm, parent)
        self.convolutions[name] = unit
        return unit(x)

    def _quantizer(self, name: str) -> Quantizer:
        self.quantizers[name] = Quantizer(f"{self.student}_{name}")
        return self.quantizers[name]


def build(plans: tuple[StudentPlan, ...]) -> dict[str, tuple[keras.Model, Trainable]]:
    """One Keras network per plan, widest first, each sharing the kernels of the one before.

    A network takes scaled images (N, height, width, channels) and returns logits (N, classes).
    """
    built: dict[str, tuple[keras.Model, Trainable]] = {}
    parent: Trainable | None = None
    for plan in plans:
        layers = Trainable(plan.name, parent)
        images = keras.Input(plan.input_shape, name=f"{plan.name}_images")
        built[plan.name] = keras.Model(images, resnet(layers, images, plan), name=plan.name), layers
        parent = layers
    return built
