"""The training stage on a GPU, killed and resumed, beside the same stage on this processor.

    python -m benchmarks.gpu_training prepare DIR [--images N] [--test N] [--epochs N]
        writes the inputs of the training: CIFAR-10, the logits of its ResNet-32 teacher, the
        three default students
    KERAS_BACKEND=jax python -m benchmarks.gpu_training train DIR
        trains in a process of its own, kills it after an epoch, starts it again; needs neither
        TensorFlow nor the data, so DIR can be copied to a machine with a GPU
    python -m benchmarks.gpu_training publish DIR [DIR ...]
        exports the students of each DIR, copied back, and measures their files; writes
        benchmarks/results/gpu_training.json

Both DIR of a comparison are copies of one prepared folder.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import results_file
from benchmarks.gpu_training import prepared
from workers.compression.work_folder import CHECKPOINT

KILLED_AFTER = 2
"""Epochs of the first process; the second one goes on with the next."""
TIMES = "times.json"


def main() -> None:
    args = _parser().parse_args()
    args.verb(args)


def prepare(args: argparse.Namespace) -> None:
    """Needs TensorFlow, and the data that docs/benchmarks.md names."""
    from dataclasses import replace

    from benchmarks import cifar10_arrays
    from workers.compression.images import augmentation
    from workers.compression.training.training_state import TrainingInputs
    from workers.compression.values import Dataset

    recipe = cifar10_arrays.recipe()
    if args.epochs:
        recipe = replace(recipe, epochs=args.epochs, quantization_epochs=1)
    train, test = cifar10_arrays.splits(args.images, args.test)
    data = Dataset(cifar10_arrays.CLASSES, train, test.sample(1_000), test, {})
    targets = cifar10_arrays.teacher_logits(train)
    preprocessing = augmentation.preprocessing(recipe.mirrored, recipe.shift)
    plans = cifar10_arrays.plans(recipe)
    prepared.save(TrainingInputs(recipe, plans, None, data, targets, preprocessing), args.folder)


def train(args: argparse.Namespace) -> None:
    """Run the stage in two processes, of which the first is killed."""
    (args.folder / CHECKPOINT).unlink(missing_ok=True)
    first = _epochs_of_a_process(args.folder, kill_after=KILLED_AFTER)
    second = _epochs_of_a_process(args.folder, kill_after=None)
    about = second.pop(0)
    if second[0]["epoch"] != KILLED_AFTER + 1:
        raise SystemExit(f"The second process began with epoch {second[0]['epoch']}.")
    # The first epoch of a process has the compilation in it.
    usual = [epoch["seconds"] for epoch in second[1:] if epoch["phase"] == "train"]
    times = about | {
        "seconds_per_epoch": round(statistics.median(usual), 2),
        "seconds_of_a_first_epoch": first[1]["seconds"],
        "killed_after_epoch": KILLED_AFTER,
        "resumed_with_epoch": second[0]["epoch"],
        "epochs": [*first[1:], *second],
    }
    (args.folder / TIMES).write_text(json.dumps(times, indent=2) + "\n")
    print(json.dumps(times))


def _epochs_of_a_process(folder: Path, kill_after: int | None) -> list[dict[str, Any]]:
    """What the process says of its machine, and of each epoch that it finished."""
    command = [sys.executable, "-m", "benchmarks.gpu_training", "run", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            print(line, end="", flush=True)
            if len(lines) - 1 == kill_after:
                process.send_signal(signal.SIGKILL)
                return lines
    if process.returncode:
        raise SystemExit(process.returncode)
    return lines


def run(args: argparse.Namespace) -> None:
    """Train, or go on with the training; print a JSON line at the end of each epoch."""
    import keras

    from workers.compression.training import joint_training

    print(json.dumps({"backend": keras.backend.backend(), "device": _device()}), flush=True)
    started = time.monotonic()

    def report(stage: str, fraction: float, **details: Any) -> None:
        nonlocal started
        if details.get("saved"):
            seconds = round(time.monotonic() - started, 2)
            line = {"phase": stage, "epoch": details["epoch"], "seconds": seconds}
            print(json.dumps(line | details["metrics"]), flush=True)
        if details.get("saved") or not fraction:
            started = time.monotonic()

    joint_training.train(prepared.load(args.folder), prepared.checkpoint_file(args.folder), report)


def _device() -> str:
    """The accelerator in use, by the backend's name for it."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    from workers.compression import processor

    return processor.name()


def publish(args: argparse.Namespace) -> None:
    """Continue each finished checkpoint here, which trains nothing, and measure the files."""
    from benchmarks.cached_trainings import measure_student
    from workers.compression.training import joint_training

    rows = []
    for folder in args.folders:
        inputs, file = prepared.load(folder), prepared.checkpoint_file(folder)
        trained = joint_training.train(inputs, file, lambda *_, **__: None)
        times = json.loads((folder / TIMES).read_text())
        files = {}
        for student in trained.students:
            files[student.plan.name] = measure_student(student, inputs.data, folder)
        rows.append(times | {"seconds": round(trained.seconds, 1), "files": files})
        print(f"{times['device']}: {times['seconds_per_epoch']} s an epoch, {files}")
    result = {"images": len(inputs.data.train), "recipe": inputs.recipe.to_json(), "rows": rows}
    path = Path(__file__).parents[1] / "results" / "gpu_training.json"
    results_file.write(path, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in (prepare, train, run):
        command = verbs.add_parser(verb.__name__, help=verb.__doc__)
        command.add_argument("folder", type=Path)
        command.set_defaults(verb=verb)
        if verb is prepare:
            command.add_argument("--images", type=int, default=50_000, help="[%(default)s]")
            command.add_argument("--test", type=int, default=10_000, help="[%(default)s]")
            command.add_argument("--epochs", type=int, help="of float training [the recipe's]")
    command = verbs.add_parser("publish", help=publish.__doc__)
    command.add_argument("folders", type=Path, nargs="+")
    command.set_defaults(verb=publish)
    return parser


if __name__ == "__main__":
    main()
