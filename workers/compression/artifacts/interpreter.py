"""Runs .tflite files with LiteRT: outputs, latency and signature of a file."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workers.compression import processor
from workers.compression.student_values import Latency
from workers.compression.values import Json

WARMUP_RUNS, MIN_RUNS, MAX_SECONDS = 5, 10, 60.0

Scale = Callable[[np.ndarray], np.ndarray]


def open_interpreter(path: Path) -> tuple[Interpreter, Json]:
    """An interpreter with one thread, and the details of its input tensor."""
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter, interpreter.get_input_details()[0]


def predict(path: Path, examples: Iterable[np.ndarray], scale: Scale) -> np.ndarray:
    """The raw outputs (N, classes) of a file for ``examples``, run one at a time as an app does.

    A file with a float32 input gets ``scale(example)``, any other the example as it is stored.
    """
    interpreter, entry = open_interpreter(path)
    output = interpreter.get_output_details()[0]["index"]
    rows = []
    for example in examples:
        value = example
        if entry["dtype"] == np.float32:
            value = scale(example.astype(np.float32))
        # A grey example has one channel, of which a file that takes RGB gets three.
        interpreter.set_tensor(entry["index"], np.broadcast_to(value, entry["shape"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output)[0])
    return np.stack(rows)


def measure_latencies(paths: Sequence[Path], runs: int) -> list[Latency]:
    """The latency of each file over ``runs`` inferences; after a minute, ten runs are enough."""
    interpreters = []
    for path in paths:
        interpreter, entry = open_interpreter(path)
        zeros = np.zeros([1, *entry["shape"][1:]], entry["dtype"])
        interpreter.set_tensor(entry["index"], zeros)
        interpreters.append(interpreter)
    times: list[list[float]] = [[] for _ in paths]
    started = time.monotonic()
    for run in range(WARMUP_RUNS + runs):
        if run >= WARMUP_RUNS + MIN_RUNS and time.monotonic() - started > MAX_SECONDS:
            break
        # The files take turns: other work on the machine then slows all of them, and their ratios
        # stay right.
        for milliseconds, interpreter in zip(times, interpreters, strict=True):
            start = time.perf_counter()
            interpreter.invoke()
            if run >= WARMUP_RUNS:
                milliseconds.append((time.perf_counter() - start) * 1000)
    return [_latency(milliseconds) for milliseconds in times]


def _latency(milliseconds: list[float]) -> Latency:
    p50, p90 = np.percentile(milliseconds, (50, 90))
    return Latency(float(p50), float(p90), threads=1, cpu=processor.name())


def describe_tensors(path: Path) -> Json:
    """Shape and element type of the file's input and output."""
    interpreter, entry = open_interpreter(path)
    return {"input": _describe(entry), "output": _describe(interpreter.get_output_details()[0])}


def _describe(tensor: Json) -> Json:
    return {"shape": tensor["shape"].tolist(), "dtype": np.dtype(tensor["dtype"]).name}
