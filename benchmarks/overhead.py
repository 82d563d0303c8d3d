"""What training three students jointly costs, beside the largest alone and beside the three one
after another.

    python -m benchmarks.overhead [--images 10000] [--epochs 2] [--rounds 3]

Four trainings with the same recipe, images, epochs and cached teacher take turns in one process, in
another order each round. Only ``fit`` is timed, traced and warm. A ratio is one of neighbours in
time, and its median over the rounds is the figure. Seconds of the processor stand beside: other
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
from workers.compression.training import fitting, precision
from workers.compression.training.feeding import fed
from workers.compression.values import Split, StudentPlan, TeacherOutputs

WARM_UP_BATCHES = 8

Seconds = dict[str, list[float]]


def main() -> None:
    args = _parser().parse_args()
    train, _ = cifar10_arrays.splits(args.images)
    soft = cifar10_arrays.outputs(train)
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
    plans: tuple[StudentPlan, ...], recipe: Recipe, train: Split, soft: TeacherOutputs, rounds: int
) -> tuple[Seconds, Seconds]:
    """Seconds per round by the wall and by the processor: of ``joint`` and of each student alone."""
    keras.utils.set_random_seed(
        recipe.seed
    )  # once: TensorFlow then optimizes every traced graph again
    trainings = {"joint": plans, **{plan.name: (plan,) for plan in plans}}
    warm = {name: _warm(chosen, recipe, train, soft) for name, chosen in trainings.items()}
    wall: Seconds = {name: [] for name in trainings}
    processor: Seconds = {name: [] for name in trainings}
    order = list(trainings)
    for _ in range(rounds):
        for name in order:
            batches = fitting.Batches(train, soft, recipe.batch, recipe.seed)
            begun, spent = time.perf_counter(), time.process_time()
            warm[name].fit(fed(batches), epochs=recipe.epochs, shuffle=False, verbose=0)
            wall[name].append(time.perf_counter() - begun)
            processor[name].append(time.process_time() - spent)
        order.append(order.pop(0))
    return wall, processor


def _warm(
    plans: tuple[StudentPlan, ...], recipe: Recipe, train: Split, soft: TeacherOutputs
) -> fitting.Joint:
    """A compiled joint network that has run a few batches."""
    joint, _ = cifar10_arrays.joint(plans, recipe)
    few = Split(*(part[: WARM_UP_BATCHES * recipe.batch] for part in (train.images, train.labels)))
    fitting.fit(joint, replace(recipe.phases[0], epochs=1), few, soft, None, [])
    return joint


def ratios(seconds: Seconds) -> dict[str, float]:
    """Medians over the rounds."""
    return {name: round(statistics.median(found), 4) for name, found in _per_round(seconds).items()}


def _per_round(seconds: Seconds) -> dict[str, list[float]]:
    large, *_ = alone = [found for name, found in seconds.items() if name != "joint"]
    return {
        "joint_over_large": [a / b for a, b in zip(seconds["joint"], large, strict=True)],
        "joint_over_sequential": [
            a / sum(b) for a, *b in zip(seconds["joint"], *alone, strict=True)
        ],
    }


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
