"""What a joint training works on, and what changes while it runs."""

import time
from dataclasses import dataclass, field

from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.students.costs import count_costs
from workers.compression.training.batches import Batches
from workers.compression.training.fitting import JointModel
from workers.compression.training.networks import StudentLayers
from workers.compression.values import Checkpoint, Dataset, Preprocessing, TeacherLogits


@dataclass(frozen=True)
class TrainingInputs:
    """What the training works on; ``data`` has the students' input size."""

    recipe: Recipe
    plans: tuple[StudentPlan, ...]
    teacher_plan: StudentPlan | None
    data: Dataset
    targets: TeacherLogits
    preprocessing: Preprocessing

    def batches(self) -> Batches:
        """Batches of training examples outside of the phases, for calibration and transfer."""
        return Batches(self.data.train, self.targets, self.recipe.batch, self.recipe.seed)

    @property
    def trained_teacher(self) -> StudentPlan | None:
        """The teacher's plan if it is trained too."""
        return self.teacher_plan if self.recipe.teacher_training == "joint" else None


def trains_depthwise(inputs: TrainingInputs) -> bool:
    """Whether any network that is trained has depthwise convolutions."""
    plans = list(inputs.plans)
    if inputs.trained_teacher:
        plans.append(inputs.trained_teacher)
    return any(count_costs(plan).has_depthwise for plan in plans)


@dataclass
class TrainingState:
    """The networks in training, and the other fields of a checkpoint."""

    model: JointModel
    students: dict[str, StudentLayers]
    resumed_checkpoint: Checkpoint | None
    float32_top1: dict[str, float] = field(default_factory=dict)
    seconds_before: float = 0.0
    float_epochs: int = 0
    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """The time of training so far, in all attempts."""
        return self.seconds_before + time.monotonic() - self.started
