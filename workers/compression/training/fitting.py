"""Joint training of all students on any Keras backend: one ``fit``, one loss per student, shared
kernels.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from workers.compression.recipe import Phase, Recipe
from workers.compression.training.feeding import fed
from workers.compression.values import INPUT_MEAN, INPUT_STD, Checkpoint, Split, TeacherOutputs

TEACHER = "teacher"


def scaled(images: Any) -> Any:
    """Pixels 0..255 as the students see them."""
    return (ops.cast(images, "float32") - INPUT_MEAN) / INPUT_STD


def fitted(x: Any, network: keras.Model) -> Any:
    """Images (batch, height, width, channels) at the size that ``network`` takes."""
    size = network.input_shape[1:3]
    return x if tuple(x.shape[1:3]) == size else ops.image.resize(x, size)


class Batches(keras.utils.PyDataset):
    """Shuffled batches ({image, mirror}, {label, teacher}); epoch ``e`` is the same whenever it is
    run.

    ``image`` is uint8 (B, height, width, channels), ``mirror`` bool (B,), ``label`` (B,),
    ``teacher`` logits (B, classes) of the view that ``mirror`` names.
    """

    def __init__(
        self, split: Split, teacher: TeacherOutputs, batch: int, seed: int, epoch: int = 0
    ):
        super().__init__()
        self.split, self.teacher, self.batch, self.seed = split, teacher, batch, seed
        self.begin(epoch)

    def __len__(self) -> int:
        return max(1, len(self.split) // self.batch)

    def __getitem__(self, number: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        rows = np.sort(self.order[number * self.batch : (number + 1) * self.batch])
        mirror = self.mirror[rows]
        inputs = {"image": self.split.images[rows], "mirror": mirror}
        targets = {
            "label": self.split.labels[rows],
            "teacher": self.teacher.logits[mirror.astype(int), rows],
        }
        return inputs, targets

    def begin(self, epoch: int) -> None:
        """Shuffle for ``epoch``."""
        rng = np.random.default_rng((self.seed, epoch))
        self.order = rng.permutation(len(self.split))
        self.mirror = rng.random(len(self.split)) < (0.5 if self.teacher.mirrored else 0.0)

    def sample(self, count: int) -> Iterator[dict[str, np.ndarray]]:
        """The inputs of the first ``count`` batches."""
        return (self[number][0] for number in range(min(count, len(self))))

    def scaled(self, count: int) -> Iterator[Any]:
        """The images of the first ``count`` batches as the students see them."""
        return (scaled(batch["image"]) for batch in self.sample(count))


class Joint(keras.Model):
    """All students as one network: augmented images in, a dict of logits out, one summed loss.

    The loss per student is (1 - w) CE(label) + w T^2 KL(teacher_T || student_T) (Hinton et al.
    2015, section 2). A ``teacher`` that is trained along learns from the labels, and its own logits
    are the targets.
    """

    def __init__(self, network: keras.Model, recipe: Recipe, teacher: keras.Model | None):
        super().__init__(name="joint")
        self.network, self.teacher = network, teacher
        self.recipe = recipe
        self.seeds = keras.random.SeedGenerator(recipe.seed)

    def build(self, _: Any) -> None:
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        x = scaled(inputs["image"])
        if not training:
            return dict(self.network(x, training=False))
        x = ops.where(inputs["mirror"][:, None, None, None], ops.flip(x, axis=2), x)
        x = translated(x, self.recipe.shift, self.seeds) if self.recipe.shift else x
        logits = dict(self.network(x, training=True))
        return (
            logits
            if self.teacher is None
            else {**self.teacher(fitted(x, self.teacher), training=True), **logits}
        )

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        taught = dict(y_pred)
        own = taught.pop(TEACHER, None)
        targets = y["teacher"] if own is None else ops.stop_gradient(own)
        total = (
            0.0
            if own is None
            else self.recipe.teacher_weight * ops.mean(_cross_entropy(y["label"], own))
        )
        return total + sum(
            self._distillation(y["label"], targets, logits) for logits in taught.values()
        )

    def _distillation(self, labels: Any, targets: Any, logits: Any) -> Any:
        weight, heat = self.recipe.soft_weight, self.recipe.temperature
        gap = ops.log_softmax(targets / heat) - ops.log_softmax(logits / heat)
        soft = ops.sum(ops.softmax(targets / heat) * gap, axis=-1)
        return ops.mean((1 - weight) * _cross_entropy(labels, logits) + weight * heat**2 * soft)


def _cross_entropy(labels: Any, logits: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def translated(x: Any, reach: int, seeds: keras.random.SeedGenerator) -> Any:
    """Shift each image (B, height, width, channels) by up to ``reach`` pixels, repeating its edge.

    A shift is a product with a matrix of zeros and ones, which every accelerator does well.
    """
    batch, height, width = ops.shape(x)[0], x.shape[1], x.shape[2]

    def selection(size: int) -> Any:
        offsets = keras.random.randint((batch, 1), -reach, reach + 1, seed=seeds)
        return ops.one_hot(ops.clip(ops.arange(size)[None] + offsets, 0, size - 1), size)

    x = ops.einsum("bij,bjwc->biwc", selection(height), x)
    return ops.einsum("bij,bhjc->bhic", selection(width), x)


def optimizer(recipe: Recipe, rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Nesterov's momentum under a cosine schedule with a warm-up of a twentieth of all steps."""
    warmup = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 25, max(1, steps - warmup), alpha=0.0, warmup_target=rate, warmup_steps=warmup
    )
    tuned = keras.optimizers.SGD(
        schedule, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay, clipnorm=2.0
    )
    tuned.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return tuned


def accuracies(joint: Joint, split: Split, batch: int = 256) -> dict[str, float]:
    """Top-1 of every student, as it stands, on ``split``; batches are filled up, so one graph
    serves all.
    """
    hits: Counter[str] = Counter()
    for start in range(0, len(split), batch):
        labels = split.labels[start : start + batch]
        images = np.resize(split.images[start : start + batch], (batch, *split.images.shape[1:]))
        for name, logits in joint.predict_on_batch(
            {"image": images, "mirror": np.zeros(batch, bool)}
        ).items():
            hits[name] += int((np.asarray(logits)[: len(labels)].argmax(1) == labels).sum())
    return {name: count / len(split) for name, count in hits.items()}


def fit(
    joint: Joint,
    phase: Phase,
    split: Split,
    teacher: TeacherOutputs,
    saved: Checkpoint | None,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Train one phase; where ``saved`` is from this phase, go on behind the epochs that it holds."""
    done = saved.epochs if saved else 0
    batches = Batches(split, teacher, min(joint.recipe.batch, len(split)), phase.seed, done)
    # XLA makes depthwise training on a CPU several times slower; jax has nothing else.
    compiled = keras.backend.backend() != "tensorflow"
    joint.compile(
        optimizer=optimizer(joint.recipe, phase.rate, phase.epochs * len(batches)),
        jit_compile=compiled,
    )
    joint.optimizer.build(joint.trainable_variables)
    if saved:
        put_state(joint, saved.values)
    # Not at the end of an epoch: whoever reads ahead may be there before, or still after the next
    # one has begun.
    shuffle = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.begin(epoch)
    )
    if done < phase.epochs:
        joint.fit(
            fed(batches),
            epochs=phase.epochs,
            initial_epoch=done,
            shuffle=False,
            verbose=0,
            callbacks=[shuffle, *callbacks],
        )


def state(joint: Joint) -> dict[str, np.ndarray]:
    """Every variable of the students and of the optimizer, by position: what a checkpoint holds."""
    return {
        f"v{i}": np.asarray(variable)
        for i, variable in enumerate([*joint.variables, *joint.optimizer.variables])
    }


def put_state(joint: Joint, values: dict[str, np.ndarray]) -> None:
    """The inverse of ``state``."""
    for i, variable in enumerate([*joint.variables, *joint.optimizer.variables]):
        variable.assign(values[f"v{i}"])
