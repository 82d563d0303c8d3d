"""What each technique adds or costs, one at a time, on CIFAR-10's test images.

    python -m benchmarks.techniques [--images 20000] [--epochs 6] [--seeds 0] [--only reference
    in-place]

Every technique changes one thing about the reference: the recipe that the engine derives for all of
CIFAR-10, with fewer images and epochs. Each training is quantized twice from the same float
weights: with ranges of some training images, and by the recipe's quantization-aware epochs. int8
figures are of the .tflite files; a gain is of the latter file over the reference's, in points.

A training that is there is not made again, and an interrupted one goes on behind its last epoch.
The table holds all that is there for any of the seeds, and how many each gain is the mean of. About
45 minutes on two idle cores.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

from keras import ops

from benchmarks import cifar10_arrays
from benchmarks.cached_trainings import Figures, Training
from workers.compression.recipe import Recipe
from workers.compression.training import fitting
from workers.compression.values import Dataset, Split, TeacherOutputs

REFERENCE = "reference"
WATCHED = 256
"""Images after each epoch; the engine wants some, nothing is decided by them."""


class InPlace(fitting.Joint):
    """Smaller students learn from the largest one's logits (Yu & Huang 2019, section 3.3), it from
    the teacher's.
    """

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        smaller = dict(y_pred)
        largest = {"large": smaller.pop("large")}
        taught = {**y, "teacher": ops.stop_gradient(largest["large"])}
        return super().compute_loss(x, y, largest) + super().compute_loss(x, taught, smaller)


@dataclass(frozen=True)
class Technique:
    """A change of the reference's recipe, of its loss, or of which students are trained together."""

    name: str
    meaning: str
    changes: dict[str, Any] = field(default_factory=dict)
    alone: bool = False
    joint: type[fitting.Joint] = fitting.Joint

    def trainings(self, reference: Recipe, seed: int, *material: Any) -> list[Training]:
        recipe = replace(reference, seed=seed, **self.changes)
        plans = cifar10_arrays.plans(recipe)
        groups = [(plan,) for plan in plans] if self.alone else [plans]
        return [Training(group, recipe, self.joint, *material) for group in groups]


TECHNIQUES = (
    Technique(REFERENCE, "distilled from the fixed teacher, joint, the first layers shared"),
    Technique("labels", "no distillation: soft_weight 0", {"soft_weight": 0.0}),
    Technique("alone", "no sharing: each student by itself", alone=True),
    Technique("in-place", "smaller students learn from the largest one", joint=InPlace),
    Technique("sparsity", "magnitude pruning: half of all weights", {"sparsity": 0.5}),
    Technique("joint-teacher", "the teacher is trained along", {"teacher": "joint"}),
)


def main() -> None:
    args = _parser().parse_args()
    known = {each.name: each for each in TECHNIQUES}
    if unknown := set(args.only or ()) - set(known):
        raise SystemExit(
            f"No technique is called {', '.join(unknown)}; there are: {', '.join(known)}."
        )
    recipe = cifar10_arrays.recipe(
        epochs=args.epochs, quantization_epochs=max(1, round(args.epochs / 10))
    )
    material = (*_material(args.images, args.test), args.out)
    trainings = {
        (name, seed): each.trainings(recipe, seed, *material)
        for name, each in known.items()
        for seed in args.seeds
    }
    for (name, seed), every in trainings.items():
        for number, each in enumerate(every if name in (args.only or known) else ()):
            if not each.done:
                print(f"{name}, seed {seed}, training {number + 1} of {len(every)}", flush=True)
                each.run()
    found = {
        key: _figures(every) for key, every in trainings.items() if all(each.done for each in every)
    }
    rows = table(found)
    _print(rows)
    about = {"images": args.images, "test_images": args.test, "seeds": args.seeds}
    about |= {"techniques": {each.name: each.meaning for each in TECHNIQUES}}
    cifar10_arrays.write(args.results, recipe, {"rows": rows} | about)


def table(found: dict[tuple[str, int], Figures]) -> list[dict[str, Any]]:
    """A row per technique and student: means over the seeds; ``gains`` over the reference per seed,
    in points.
    """
    rows = []
    for name in dict.fromkeys(name for name, _ in found):
        every = {seed: figures for (technique, seed), figures in found.items() if technique == name}
        for student, figures in next(iter(every.values())).items():
            means = {
                key: round(mean(each[student][key] for each in every.values()), 4)
                for key in figures
            }
            gains = {
                seed: round(
                    100
                    * (each[student]["int8_top1"] - found[REFERENCE, seed][student]["int8_top1"]),
                    2,
                )
                for seed, each in every.items()
                if (REFERENCE, seed) in found
            }
            rows.append({"technique": name, "student": student} | means | {"gains": gains})
    return rows


def _figures(trainings: list[Training]) -> Figures:
    return {name: row for each in trainings for name, row in each.figures().items()}


def _material(images: int, test: int) -> tuple[Dataset, TeacherOutputs]:
    train, tested = cifar10_arrays.splits(images, test)
    watched = Split(train.images[:WATCHED], train.labels[:WATCHED])
    return Dataset(cifar10_arrays.CLASSES, train, watched, tested, {}), cifar10_arrays.outputs(
        train
    )


def _print(rows: list[dict[str, Any]]) -> None:
    print(
        f"{'':24}{'float32':>9}{'sampled':>9}{'trained':>9}{'gain':>12}{'bytes':>9}{'gzip':>9}{'seconds':>9}"
    )
    for row in rows:
        gain = f"{mean(row['gains'].values()):+.2f} ({len(row['gains'])})" if row["gains"] else "-"
        print(
            f"{row['technique']:15}{row['student']:9}{row['float32_top1']:>9.2%}{row['post_training_top1']:>9.2%}"
            f"{row['int8_top1']:>9.2%}{gain:>12}{row['bytes']:>9,.0f}{row['gzip_bytes']:>9,.0f}{row['seconds']:>9.0f}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000, help="training images [%(default)s]")
    parser.add_argument("--epochs", type=int, default=6, help="of each training [%(default)s]")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of weights and batches [0]"
    )
    parser.add_argument("--test", type=int, default=10_000, help="test images [%(default)s]")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="train these: " + ", ".join(t.name for t in TECHNIQUES),
    )
    parser.add_argument(
        "--out", type=Path, default=cifar10_arrays.ROOT / "out" / "techniques", help="[%(default)s]"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=cifar10_arrays.RESULTS / "techniques.json",
        help="[%(default)s]",
    )
    return parser


if __name__ == "__main__":
    main()
