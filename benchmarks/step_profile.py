"""Where the time of one step of joint training goes, in float and in the quantization-aware phase.

    python -m benchmarks.step_profile [--steps 20]

TensorFlow's profiler records every kernel of some steps of the three default students on CIFAR-10.
Each kernel counts with its median over the steps, because other work on the machine interrupts some
of them. Shares are of the sum over all kernels. Kernels run in parallel, so that sum exceeds the
time by the clock, which is measured without the profiler. Writes benchmarks/results/step.json.
Needs KERAS_BACKEND=tensorflow.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks import cifar10_arrays
from workers.compression.recipe import Phase
from workers.compression.training import fitting, precision, quantization
from workers.compression.training.batches import Batches
from workers.compression.training.feeding import for_fit

KINDS = {
    "convolutions": r"Conv2D|DepthwiseConv",
    "batch normalization": r"BatchNorm|/norm(_\d+)?/",
    "fake quantization": r"FakeQuant|/range(_\d+)?/|_(sum|pool)(_\d+)?/",
    "optimizer": r"(^|/)sgd(_\d+)?/",
    "data, augmentation": r"^PyFunc|^joint(_\d+)?/(?!functional)",
}
"""Patterns for a kernel's ``scope/name:Type``; the first that matches counts."""
REST = "the rest"
KERNEL = re.compile(r"(?:StatefulPartitionedCall/)*([^: ]+:[A-Za-z_]\w*)")
CALLS = re.compile(r":(Stateful|Stateless)?(PartitionedCall|If|While)$")
LARGEST_OF_REST = 8


class StepClock(keras.callbacks.Callback):
    """Milliseconds from the end of each step to the end of the next."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.ends.append(time.perf_counter())

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(
            b - a for a, b in zip(self.ends, self.ends[1:], strict=False)
        )


def main() -> None:
    args = _parser().parse_args()
    recipe = cifar10_arrays.recipe()
    train, _ = cifar10_arrays.splits(args.steps * recipe.batch)
    soft = cifar10_arrays.teacher_logits(train)
    keras.utils.set_random_seed(recipe.seed)
    model, students = cifar10_arrays.joint_model(cifar10_arrays.plans(recipe), recipe)
    in_float, in_int8 = recipe.phases

    def profile(phase: Phase) -> dict[str, Any]:
        fitting.fit(model, Phase(phase.name, 1, phase.rate, phase.seed), train, soft, None, [])
        clock = StepClock()
        steps = Batches(train, soft, recipe.batch, phase.seed)
        model.fit(for_fit(steps), shuffle=False, verbose=0, callbacks=[clock])
        kernels = recorded(lambda: model.fit(for_fit(steps), shuffle=False, verbose=0))
        return summary(kernels, len(steps), clock.median_ms)

    with precision.bfloat16_convolutions():
        phases = {in_float.name: profile(in_float)}
    batches = Batches(train, soft, recipe.batch, 0).first_inputs(args.steps)
    quantization.calibrate(model, students.values(), batches)
    quantization.set_mode(students.values(), "quantized")
    phases[in_int8.name] = profile(in_int8)
    _print(phases)
    cifar10_arrays.write(args.out, recipe, {"steps": args.steps, "phases": phases})


def recorded(run: Callable[[], object]) -> dict[str, float]:
    """Seconds in each kernel, ``scope/name:Type``, during ``run``: its count times its median."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            run()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    host = next(plane for plane in space.planes if plane.name == "/host:CPU")
    seconds: dict[str, list[float]] = defaultdict(list)
    for event in (event for line in host.lines for event in line.events):
        # Other events (the executor, iterators, calls) only contain kernels.
        kernel = KERNEL.fullmatch(host.event_metadata[event.metadata_id].name)
        if kernel and not CALLS.search(kernel[1]):
            seconds[kernel[1]].append(event.duration_ps / 1e12)
    return {kernel: len(found) * statistics.median(found) for kernel, found in seconds.items()}


def kind(kernel: str) -> str:
    """The kind of a kernel, one of KINDS or the rest."""
    return next((name for name, pattern in KINDS.items() if re.search(pattern, kernel)), REST)


def summary(kernels: dict[str, float], steps: int, wall_ms: float) -> dict[str, Any]:
    """Milliseconds per step, and each kind's share of them; ``rest`` has the types of the rest."""
    total = sum(kernels.values())
    shares = dict.fromkeys((*KINDS, REST), 0.0)
    rest: dict[str, float] = defaultdict(float)
    for kernel, seconds in kernels.items():
        shares[kind(kernel)] += seconds / total
        if kind(kernel) == REST:
            rest[kernel.rpartition(":")[2]] += seconds / total
    largest = sorted(rest, key=lambda name: -rest[name])[:LARGEST_OF_REST]
    return {
        "wall_ms": round(wall_ms, 1),
        "kernels_ms": round(1000 * total / steps, 1),
        "shares": {name: round(share, 4) for name, share in shares.items()},
        "rest": {name: round(rest[name], 4) for name in largest},
    }


def _print(phases: dict[str, dict[str, Any]]) -> None:
    for name, found in phases.items():
        clock = f"{found['wall_ms']} ms per step by the clock"
        print(f"\n{name}: {clock}, {found['kernels_ms']} ms in kernels")
        for part, share in found["shares"].items():
            print(f"  {part:24}{share:7.1%}")
        parts = [f"{part} {share:.1%}" for part, share in found["rest"].items()]
        print(f"  of which {', '.join(parts)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20, help="steps to record [%(default)s]")
    parser.add_argument(
        "--out", type=Path, default=cifar10_arrays.RESULTS / "step.json", help="[%(default)s]"
    )
    return parser


if __name__ == "__main__":
    main()
