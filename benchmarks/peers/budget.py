"""Images and epochs of one run of the benchmark, from its command line."""

from dataclasses import dataclass
from typing import NamedTuple

ALL_TRAINING_IMAGES, ALL_TEST_IMAGES = 50_000, 10_000


class Student(NamedTuple):
    """A CIFAR residual network: channels of the first stage, blocks per stage, epochs."""

    width: int
    depth: int
    epochs: int

    @property
    def name(self) -> str:
        return f"w{self.width}d{self.depth}"


@dataclass(frozen=True)
class Budget:
    """Images and epochs; the pruned teacher is trained for ``finetune`` epochs.

    With the students' epochs the Distiller takes about as many minutes per student as the engine.
    """

    train: int = ALL_TRAINING_IMAGES
    test: int = ALL_TEST_IMAGES
    finetune: int = 6
    students: tuple[Student, ...] = (Student(15, 3, 11), Student(8, 3, 16), Student(4, 3, 22))
    sparsities: tuple[float, ...] = (0.5,)
    seed: int = 0
    train_only: bool = False

    @property
    def whole(self) -> bool:
        """Whether every image is used, so that figures may be published."""
        return self.train == ALL_TRAINING_IMAGES and self.test == ALL_TEST_IMAGES

    def key(self, name: str, epochs: int) -> str:
        """The folder of a trained peer; each budget has a folder of its own."""
        few = f"-{self.train}images" if self.train < ALL_TRAINING_IMAGES else ""
        seed = f"-seed{self.seed}" if self.seed else ""
        return f"{name}-{epochs}epochs{few}{seed}"
