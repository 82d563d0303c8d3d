"""The batches of a training: shuffled examples with the teacher's logits."""

from collections.abc import Iterator

import keras
import numpy as np

from workers.compression.values import Split, TeacherLogits

Inputs = dict[str, np.ndarray]
"""``features`` (B, ...) and ``view`` (B,), the number of each example's view."""
Targets = dict[str, np.ndarray]
"""``label`` (B,) and ``teacher_logits`` (B, classes) of the view."""


class Batches(keras.utils.PyDataset):
    """Shuffled batches (inputs, targets); an epoch has the same batches whenever it is run."""

    def __init__(
        self,
        split: Split,
        teacher: TeacherLogits,
        batch: int,
        seed: int,
        epoch: int = 0,
        examples: int = 0,
    ):
        """An epoch has all examples, or as many as ``examples``, drawn anew for each."""
        super().__init__()
        self.examples = min(examples or len(split), len(split))
        self.split, self.teacher = split, teacher
        self.batch, self.seed = batch, seed
        self.shuffle(epoch)

    def __len__(self) -> int:
        return max(1, self.examples // self.batch)

    def __getitem__(self, number: int) -> tuple[Inputs, Targets]:
        # Sorted rows are read faster from a memory map.
        rows = np.sort(self.order[number * self.batch : (number + 1) * self.batch])
        views = self.views[rows]
        inputs = {"features": self.split.features[rows], "view": views}
        logits = self.teacher.logits[views, rows]
        return inputs, {"label": self.split.labels[rows], "teacher_logits": logits}

    def shuffle(self, epoch: int) -> None:
        """Draw the order and the views of ``epoch``."""
        rng = np.random.default_rng((self.seed, epoch))
        self.order = rng.permutation(len(self.split))
        self.views = (rng.random(len(self.split)) * self.teacher.views).astype(np.int64)

    def first_inputs(self, count: int) -> Iterator[Inputs]:
        """The inputs of the first ``count`` batches."""
        for number in range(min(count, len(self))):
            yield self[number][0]
