"""What each technique adds or costs, one at a time, on CIFAR-10's test images.

    python -m benchmarks.techniques [--images 20000] [--epochs 6] [--seeds 0] [--only reference
    in-place]

Every technique changes one thing about the reference: the recipe that the engine derives for all of
CIFAR-10, with fewer images and epochs. Each training is quantized twice from the same float
weights: with the ranges of some training images, and by the recipe's quantization-aware epochs.
int8 figures are those of the .tflite files; a gain compares the second file with the reference's,
in points.

A finished training is not repeated, and an interrupted one is continued. The table has every
finished training of the seeds, and the number of seeds that each gain is the mean of. About 45
minutes on two idle cores.
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
from workers.compression.values import Dataset, Split, TeacherLogits

REFERENCE = "reference"
MONITORED = 256
"""Images after each epoch, which only show the progress."""


class InPlace(fitting.JointModel):
    """The largest student learns from the teacher's logits, smaller ones from the largest one's.

    Yu & Huang 2019, section 3.3.
    """

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        smaller = dict(y_pred)
        largest = {"large": smaller.pop("large")}
        targets = {**y, "teacher_logits": ops.stop_gradient(largest["large"])}
        return super().compute_loss(x, y, largest) + super().compute_loss(x, targets, smaller)


@dataclass(frozen=True)
class Technique:
    """A change of the reference: of its recipe, its loss or the students trained together."""

    name: str
    meaning: str
    changes: dict[str, Any] = field(default_factory=dict)
    alone: bool = False
    model: type[fitting.JointModel] = fitting.JointModel

    def trainings(self, reference: Recipe, seed: int, *material: Any) -> list[Training]:
        recipe = replace(reference, seed=seed, **self.changes)
        plans = cifar10_arrays.plans(recipe)
        groups = [(plan,) for plan in plans] if self.alone else [plans]
        return [Training(group, recipe, self.model, *material) for group in groups]


TECHNIQUES = (
    Technique(REFERENCE, "distilled from the fixed teacher, joint, the first layers shared"),
    Technique("labels", "no distillation: soft_weight 0", {"soft_weight": 0.0}),
    Technique("alone", "no sharing: each student is trained alone", alone=True),
    Technique("in-place", "smaller students learn from the largest one", model=InPlace),
    Technique("sparsity", "magnitude pruning: half of all weights", {"sparsity": 0.5}),
    Technique("joint-teacher", "the teacher is trained too", {"teacher_training": "joint"}),
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
    """A row per technique and student, with means over the seeds.

    ``gains`` are over the reference with the same seed, in points.
    """
    rows = []
    for name in dict.fromkeys(name for name, _ in found):
        by_seed = {seed: row for (technique, seed), row in found.items() if technique == name}
        for student, figures in next(iter(by_seed.values())).items():
            row: dict[str, Any] = {"technique": name, "student": student}
            for key in figures:
                row[key] = round(mean(each[student][key] for each in by_seed.values()), 4)
            row["gains"] = {}
            for seed, each in by_seed.items():
                if (REFERENCE, seed) in found:
                    reference = found[REFERENCE, seed][student]["int8_top1"]
                    gain = each[student]["int8_top1"] - reference
                    row["gains"][seed] = round(100 * gain, 2)
            rows.append(row)
    return rows


def _figures(trainings: list[Training]) -> Figures:
    return {name: row for each in trainings for name, row in each.figures().items()}


def _material(images: int, test: int) -> tuple[Dataset, TeacherLogits]:
    train, tested = cifar10_arrays.splits(images, test)
    monitored = Split(train.features[:MONITORED], train.labels[:MONITORED])
    data = Dataset(cifar10_arrays.CLASSES, train, monitored, tested, {})
    return data, cifar10_arrays.teacher_logits(train)


def _print(rows: list[dict[str, Any]]) -> None:
    titles = f"{'float32':>9}{'sampled':>9}{'trained':>9}{'gain':>12}"
    print(f"{'':24}{titles}{'bytes':>9}{'gzip':>9}{'seconds':>9}")
    for row in rows:
        gain = f"{mean(row['gains'].values()):+.2f} ({len(row['gains'])})" if row["gains"] else "-"
        print(
            f"{row['technique']:15}{row['student']:9}{row['float32_top1']:>9.2%}"
            f"{row['post_training_top1']:>9.2%}{row['int8_top1']:>9.2%}{gain:>12}"
            f"{row['bytes']:>9,.0f}{row['gzip_bytes']:>9,.0f}{row['seconds']:>9.0f}"
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
