"""What a run of the benchmark spends, as its command line says."""

from dataclasses import dataclass

ALL_TRAINING_IMAGES, ALL_TEST_IMAGES = 50_000, 10_000


@dataclass(frozen=True)
class Budget:
    """Images, epochs and shapes; ``students`` are (width, depth) of a CIFAR residual network.

    ``epochs`` is what a student is trained for from its first weights, ``finetune`` what the pruned teacher gets.
    """

    train: int = ALL_TRAINING_IMAGES
    test: int = ALL_TEST_IMAGES
    epochs: int = 20
    finetune: int = 6
    students: tuple[tuple[int, int], ...] = ((16, 3), (8, 3), (4, 3))
    sparsities: tuple[float, ...] = (0.5,)
    seed: int = 0
    train_only: bool = False

    @property
    def whole(self) -> bool:
        """Whether every image is used, so that figures may be published."""
        return self.train == ALL_TRAINING_IMAGES and self.test == ALL_TEST_IMAGES

    def key(self, name: str, epochs: int) -> str:
        """The folder of a trained peer, which tells its budget: another budget never meets its files."""
        few = f"-{self.train}images" if self.train < ALL_TRAINING_IMAGES else ""
        seed = f"-seed{self.seed}" if self.seed else ""
        return f"{name}-{epochs}epochs{few}{seed}"
