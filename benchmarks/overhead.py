"""The time of a joint training beside that of its largest student, and of all three in sequence.

    python -m benchmarks.overhead [--images 10000] [--epochs 2] [--rounds 3]

Four trainings with the same recipe, images, epochs and cached teacher take turns in one process, in
another order in each round. Only ``fit`` is timed, after its graph is traced. Each round gives a
ratio; the result is the median of the rounds. Processor seconds are reported too, because other
work on the machine changes them less.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import keras

from benchmarks import cifar10_arrays
from workers.compression.recipe import Recipe
from workers.compression.student_values import StudentPlan
from workers.compression.training import fitting, precision
from workers.compression.training.batches import Batches
from workers.compression.training.feeding import for_fit
from workers.compression.values import Split, TeacherLogits

WARM_UP_BATCHES = 8

Seconds = dict[str, list[float]]


def main() -> None:
    args = _parser().parse_args()
    train, _ = cifar10_arrays.splits(args.images)
    soft = cifar10_arrays.teacher_logits(train)
    recipe = cifar10_arrays.recipe(epochs=args.epochs)
    plans = cifar10_arrays.plans(recipe)
    with precision.bfloat16_convolutions():
        wall, processor = measured(plans, recipe, train, soft, args.rounds)
    result = {"figures": ratios(wall)} | {
        "processor_figures": ratios(processor),
        "rounds": {
            name: [round(ratio, 4) for ratio in found] for name, found in _per_round(wall).items()
        },
        "seconds": {name: [round(each, 2) for each in found] for name, found in wall.items()},
        "processor_seconds": {
            name: [round(each, 2) for each in found] for name, found in processor.items()
        },
        "images": args.images,
    }
    for name, found in wall.items():
        rate = args.images * args.epochs / statistics.median(found)
        print(f"{name:10} {statistics.median(found):7.1f} s  {rate:7.0f} images/s")
    for name, ratio in ratios(wall).items():
        print(f"{name:24} {ratio:.3f}   (processor {ratios(processor)[name]:.3f})")
    cifar10_arrays.write(args.out, recipe, result)


def measured(
    plans: tuple[StudentPlan, ...], recipe: Recipe, train: Split, soft: TeacherLogits, rounds: int
) -> tuple[Seconds, Seconds]:
    """Wall and processor seconds per round, of ``joint`` and of each student alone."""
    # Only once, because TensorFlow then optimizes every traced graph again.
    keras.utils.set_random_seed(recipe.seed)
    trainings = {"joint": plans, **{plan.name: (plan,) for plan in plans}}
    models = {name: _traced(chosen, recipe, train, soft) for name, chosen in trainings.items()}
    wall: Seconds = {name: [] for name in trainings}
    processor: Seconds = {name: [] for name in trainings}
    order = list(trainings)
    for _ in range(rounds):
        for name in order:
            batches = Batches(train, soft, recipe.batch, recipe.seed)
            started, processor_started = time.perf_counter(), time.process_time()
            models[name].fit(for_fit(batches), epochs=recipe.epochs, shuffle=False, verbose=0)
            wall[name].append(time.perf_counter() - started)
            processor[name].append(time.process_time() - processor_started)
        order.append(order.pop(0))
    return wall, processor


def _traced(
    plans: tuple[StudentPlan, ...], recipe: Recipe, train: Split, soft: TeacherLogits
) -> fitting.JointModel:
    """A compiled joint model that has run a few batches."""
    model, _ = cifar10_arrays.joint_model(plans, recipe)
    count = WARM_UP_BATCHES * recipe.batch
    first = Split(train.features[:count], train.labels[:count])
    fitting.fit(model, replace(recipe.phases[0], epochs=1), first, soft, None, [])
    return model


def ratios(seconds: Seconds) -> dict[str, float]:
    """Medians over the rounds."""
    return {name: round(statistics.median(found), 4) for name, found in _per_round(seconds).items()}


def _per_round(seconds: Seconds) -> dict[str, list[float]]:
    alone = [found for name, found in seconds.items() if name != "joint"]
    ratios: Seconds = {"joint_over_large": [], "joint_over_sequential": []}
    for joint, *each in zip(seconds["joint"], *alone, strict=True):
        ratios["joint_over_large"].append(joint / each[0])
        ratios["joint_over_sequential"].append(joint / sum(each))
    return ratios


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000, help="training images [%(default)s]")
    parser.add_argument("--epochs", type=int, default=2, help="of each timed fit [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="[%(default)s]")
    parser.add_argument(
        "--out", type=Path, default=cifar10_arrays.RESULTS / "overhead.json", help="[%(default)s]"
    )
    return parser


if __name__ == "__main__":
    main()
