"""Joint training of all students on any Keras backend: one ``fit``, one loss per student."""

from collections import Counter

import keras
import numpy as np
from keras import ops

from workers.compression.recipe import Phase, Recipe
from workers.compression.student_values import TEACHER
from workers.compression.training.batches import Batches
from workers.compression.training.feeding import for_fit
from workers.compression.values import Checkpoint, Preprocessing, Split, TeacherLogits, Tensor


class JointModel(keras.Model):
    """All students as one model: augmented examples in, a dict of logits out, one loss.

    The loss of a student is (1 - w) CE(label) + w T^2 KL(teacher_T || student_T) (Hinton et al.
    2015, section 2). A ``teacher`` that is trained too learns from the labels, and its current
    logits are the students' targets.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        preprocessing: Preprocessing,
        teacher: keras.Model | None = None,
    ):
        super().__init__(name="joint")
        self.network, self.teacher = network, teacher
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.seeds = keras.random.SeedGenerator(recipe.seed)

    def build(self, _: object) -> None:
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        x = self.preprocessing.scale(ops.cast(inputs["features"], "float32"))
        if not training:
            return dict(self.network(x, training=False))
        x = self.preprocessing.augment(x, inputs["view"], self.seeds)
        logits = dict(self.network(x, training=True))
        if self.teacher is None:
            return logits
        x = self.preprocessing.resize(x, self.teacher.input_shape[1:])
        return {**self.teacher(x, training=True), **logits}

    def compute_loss(
        self,
        x: dict[str, Tensor],
        y: dict[str, Tensor],
        y_pred: dict[str, Tensor],
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        students = dict(y_pred)
        trained_teacher = students.pop(TEACHER, None)
        loss, targets = 0.0, y["teacher_logits"]
        if trained_teacher is not None:
            teacher_loss = ops.mean(_cross_entropy(y["label"], trained_teacher))
            loss = self.recipe.teacher_weight * teacher_loss
            targets = ops.stop_gradient(trained_teacher)
        for logits in students.values():
            loss = loss + self._student_loss(y["label"], targets, logits)
        return loss

    def _student_loss(self, labels: Tensor, targets: Tensor, logits: Tensor) -> Tensor:
        weight, temperature = self.recipe.soft_weight, self.recipe.temperature
        targets, softened = targets / temperature, logits / temperature
        difference = ops.log_softmax(targets) - ops.log_softmax(softened)
        divergence = ops.sum(ops.softmax(targets) * difference, axis=-1)
        soft_loss = temperature**2 * divergence
        return ops.mean((1 - weight) * _cross_entropy(labels, logits) + weight * soft_loss)


def _cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def make_optimizer(recipe: Recipe, rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Nesterov's momentum with a cosine schedule; the first twentieth of all steps is warm-up."""
    warmup = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 25, max(1, steps - warmup), alpha=0.0, warmup_target=rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.SGD(
        schedule, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay, clipnorm=2.0
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def measure_top1(model: JointModel, split: Split, batch: int = 256) -> dict[str, float]:
    """The current top-1 of every student on ``split``."""
    correct: Counter[str] = Counter()
    for start in range(0, len(split), batch):
        labels = split.labels[start : start + batch]
        features = split.features[start : start + batch]
        # The last batch is filled up, so that Keras traces one graph only.
        full = np.resize(features, (batch, *features.shape[1:]))
        inputs = {"features": full, "view": np.zeros(batch, int)}
        for name, logits in model.predict_on_batch(inputs).items():
            classes = np.asarray(logits)[: len(labels)].argmax(1)
            correct[name] += int((classes == labels).sum())
    return {name: count / len(split) for name, count in correct.items()}


def fit(
    model: JointModel,
    phase: Phase,
    train: Split,
    teacher: TeacherLogits,
    resumed: Checkpoint | None,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Train one phase; continue after the epochs of ``resumed``, a checkpoint of this phase."""
    finished = 0
    if resumed:
        finished = resumed.epochs
    batch = min(model.recipe.batch, len(train))
    examples = model.recipe.epoch_examples
    batches = Batches(train, teacher, batch, phase.seed, finished, examples)
    # XLA makes depthwise convolutions on a CPU several times slower; jax has nothing else.
    use_xla = keras.backend.backend() != "tensorflow"
    optimizer = make_optimizer(model.recipe, phase.rate, phase.epochs * len(batches))
    model.compile(optimizer=optimizer, jit_compile=use_xla)
    model.optimizer.build(model.trainable_variables)
    if resumed:
        set_state(model, resumed.values)
    # Not at the end of an epoch: a thread that reads ahead may then be in the next epoch already,
    # or still in the last one.
    shuffle = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.shuffle(epoch)
    )
    if finished < phase.epochs:
        model.fit(
            for_fit(batches),
            epochs=phase.epochs,
            initial_epoch=finished,
            shuffle=False,
            verbose=0,
            callbacks=[shuffle, *callbacks],
        )


def get_state(model: JointModel) -> dict[str, np.ndarray]:
    """Every variable of the model and its optimizer, by position."""
    return {f"v{i}": np.asarray(variable) for i, variable in enumerate(_variables(model))}


def set_state(model: JointModel, values: dict[str, np.ndarray]) -> None:
    """The inverse of ``get_state``."""
    for i, variable in enumerate(_variables(model)):
        variable.assign(values[f"v{i}"])


def _variables(model: JointModel) -> list[Tensor]:
    return [*model.variables, *model.optimizer.variables]
