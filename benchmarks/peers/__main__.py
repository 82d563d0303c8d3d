"""Other tools beside the engine, on CIFAR-10 with a ResNet-32 teacher that others trained.

    python -m benchmarks.peers [--ours DIR ...]
        makes everything that is missing, then the table and the plot
    python -m benchmarks.peers --only teacher scratch-w8d3
    python -m benchmarks.peers --train 512 --students 8,3,1 --finetune 2 --test 200
        everything on few images, in minutes

The peers: the teacher through the TFLite converter (teacher-float32, -dynamic, -int8) and through
ai-edge-quantizer (teacher-aeq-*); tfmot pruning and QAT of the teacher (tfmot-*);
keras.distillation.Distiller + int8 PTQ (distiller-*); the same students from scratch + int8 PTQ
(scratch-*); the MLPerf Tiny ResNet-8 (mlperf-resnet8).

Each peer becomes a .tflite below OUT, in a folder whose name tells its budget. What is finished is
not repeated, and an interrupted training is continued. With all images, the results are written to
benchmarks/results/peers.json and docs/images/peers.{png,svg}, else to OUT. To train the students on
a machine with a GPU, use KERAS_BACKEND=jax and --train-only, then copy OUT here and run again.
"""

import argparse
from pathlib import Path

from benchmarks.peers import distiller, mlperf, scratch, teacher, tfmot
from benchmarks.peers.budget import Budget, Student
from benchmarks.peers.environment import ROOT
from benchmarks.peers.peer import Peer

ANY_BACKEND = ["distiller", "scratch"]


def main() -> None:
    args = _parser().parse_args()
    budget = Budget(
        train=args.train,
        test=args.test,
        finetune=args.finetune,
        students=tuple(args.students),
        sparsities=tuple(args.sparsities),
        seed=args.seed,
        train_only=args.train_only,
    )
    peers = _peers(budget, args.out)
    build(_chosen(peers, args.only or (ANY_BACKEND if args.train_only else None)), args.out)
    if not budget.train_only:
        from benchmarks.peers import table

        table.publish(peers, budget, args.out, args.ours)


def _peers(budget: Budget, root: Path) -> list[Peer]:
    """All of them, in the table's order."""
    trained = [*tfmot.peers(budget, root), *distiller.peers(budget), *scratch.peers(budget)]
    return [*teacher.peers(root), *mlperf.peers(), *trained]


def _chosen(peers: list[Peer], only: list[str] | None) -> list[Peer]:
    """The peers whose name is in ``only``, or starts with one of these and a hyphen."""
    if only is None:
        return peers
    found = {
        name: [peer for peer in peers if f"{peer.name}-".startswith(f"{name}-")] for name in only
    }
    for name, matching in found.items():
        if not matching:
            raise SystemExit(
                f"No peer is called {name}; there are: {', '.join(peer.name for peer in peers)}."
            )
    return [peer for peer in peers if any(peer in matching for matching in found.values())]


def build(peers: list[Peer], root: Path) -> None:
    """Make the peers that are missing."""
    missing = [peer for peer in peers if not peer.made(root)]
    for number, peer in enumerate(missing, 1):
        print(f"[{number}/{len(missing)}] {peer.name}", flush=True)
        peer.build(root)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Budget()
    parser.add_argument(
        "--ours",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="finished runs of the engine",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="make these peers, or all whose names start like this",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "out" / "peers",
        help="where files are kept [%(default)s]",
    )
    parser.add_argument(
        "--finetune", type=_count, default=default.finetune, help="epochs of tfmot [%(default)s]"
    )
    parser.add_argument(
        "--students",
        type=_student,
        nargs="+",
        default=default.students,
        metavar="W,D,E",
        help="first-stage channels, blocks per stage and epochs [15,3,11 8,3,16 4,3,22]",
    )
    parser.add_argument(
        "--sparsities",
        type=_share,
        nargs="+",
        default=default.sparsities,
        metavar="S",
        help="of tfmot's pruning [0.5]",
    )
    parser.add_argument(
        "--train",
        type=_count,
        default=default.train,
        metavar="N",
        help="training images [%(default)s]",
    )
    parser.add_argument(
        "--test", type=_count, default=default.test, metavar="N", help="test images [%(default)s]"
    )
    parser.add_argument(
        "--seed", type=int, default=default.seed, help="of weights and batches [%(default)s]"
    )
    parser.add_argument(
        "--train-only", action="store_true", help="train students, but neither convert nor measure"
    )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _student(text: str) -> Student:
    width, depth, epochs = (_count(part) for part in text.split(","))
    return Student(width, depth, epochs)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise ValueError(text)
    return share


if __name__ == "__main__":
    main()
