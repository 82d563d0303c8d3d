"""TensorFlow Model Optimization's guide to pruning-preserving QAT (PQAT), on a teacher.

    python -m benchmarks.peers.prune_and_quantize TEACHER.h5 FOLDER
        --pruning EPOCHS --quantizing EPOCHS

Runs in the peers' environment. Writes FOLDER/model.tflite and the seconds of each epoch; an
interrupted training is continued.
"""

import argparse
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import tensorflow_model_optimization as tfmot
import tf_keras

from benchmarks.peers import images
from benchmarks.peers.clock import Clock
from benchmarks.peers.convert import converted
from workers.compression.parent_death import signal_at_parents_death

PRUNING_RATE, QUANTIZING_RATE, MOMENTUM = 1e-2, 1e-3, 0.9
UPDATES = 100
"""Of the masks, fewer in a short training; the library suggests one per 100 steps."""


def main() -> None:
    args = _arguments()
    tf_keras.utils.set_random_seed(args.seed)
    model = _pruned(_accepted(tf_keras.models.load_model(args.teacher, compile=False)), args)
    annotated = tfmot.quantization.keras.quantize_annotate_model(model)
    scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    aware = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    _fit(aware, args, "quantizing", args.quantizing, QUANTIZING_RATE, [])
    (args.folder / "model.tflite").write_bytes(converted(aware, "trained"))
    shutil.rmtree(args.folder / "interrupted")


def _accepted(teacher: Any) -> Any:
    """The same network in a form that TensorFlow Model Optimization accepts.

    It accepts batch normalization only after a convolution that nothing else reads. After anything
    else, a depthwise convolution with ones is inserted.
    """
    config = teacher.get_config()
    readers = Counter(name for layer in config["layers"] for name in _inputs(layer))
    kinds = {layer["name"]: layer["class_name"] for layer in config["layers"]}
    layers = []
    for layer in config["layers"]:
        if layer["class_name"] == "BatchNormalization":
            (source,) = _inputs(layer)
            if kinds[source] != "Conv2D" or readers[source] > 1:
                layers.append(_ones(f"{layer['name']}_ones", layer["inbound_nodes"]))
                layer = layer | {"inbound_nodes": [[[layers[-1]["name"], 0, 0, {}]]]}
        layers.append(layer)
    accepted = tf_keras.Model.from_config(config | {"layers": layers})
    for layer in teacher.layers:
        accepted.get_layer(layer.name).set_weights(layer.get_weights())
    return accepted


def _inputs(layer: dict[str, Any]) -> list[str]:
    return [source[0] for node in layer["inbound_nodes"] for source in node]


def _ones(name: str, inbound: list[Any]) -> dict[str, Any]:
    unit = tf_keras.layers.DepthwiseConv2D(
        1, use_bias=False, depthwise_initializer="ones", name=name
    )
    return {
        "class_name": "DepthwiseConv2D",
        "name": name,
        "config": unit.get_config(),
        "inbound_nodes": inbound,
    }


def _pruned(teacher: Any, args: argparse.Namespace) -> Any:
    """Prune on a cubic schedule over the first two thirds of the epochs (Zhu & Gupta 2017)."""
    ramp = max(1, args.pruning * images.steps(args.train) * 2 // 3)
    every = min(UPDATES, max(1, ramp // 2))
    end = ramp // every * every  # an end that falls between two updates is never reached
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, args.sparsity, 0, end, frequency=every)
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(teacher, schedule)
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    _fit(wrapped, args, "pruning", args.pruning, PRUNING_RATE, callbacks)
    return tfmot.sparsity.keras.strip_pruning(wrapped)


def _fit(
    model: Any, args: argparse.Namespace, phase: str, epochs: int, peak: float, callbacks: list[Any]
) -> None:
    clock, steps = Clock(args.folder / f"{phase}.json"), images.steps(args.train)
    rate = tf_keras.optimizers.schedules.CosineDecay(peak, epochs * steps)
    optimizer = tf_keras.optimizers.SGD(rate, MOMENTUM, nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    every_epoch = [
        tf_keras.callbacks.BackupAndRestore(
            args.folder / "interrupted" / phase, delete_checkpoint=False
        ),
        tf_keras.callbacks.LambdaCallback(on_epoch_begin=clock.begin, on_epoch_end=clock.end),
    ]
    data = images.batches(args.train, args.seed, clock.epochs)
    verbose = 1 if sys.stdout.isatty() else 2
    model.fit(
        data,
        steps_per_epoch=steps,
        epochs=epochs,
        verbose=verbose,
        callbacks=[*every_epoch, *callbacks],
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teacher", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pruning", type=int, required=True, help="epochs")
    parser.add_argument("--quantizing", type=int, required=True, help="epochs")
    parser.add_argument(
        "--sparsity", type=float, default=0.5, help="share of each kernel set to zero"
    )
    parser.add_argument("--train", type=int, default=50_000, help="images")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    signal_at_parents_death()
    main()
