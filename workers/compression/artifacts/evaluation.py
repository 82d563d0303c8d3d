"""Scorecards, measured on the .tflite that ships, through ai-edge-litert, on images that no
training step saw.
"""

import gzip
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workers.compression.artifacts import file_costs
from workers.compression.values import INPUT_MEAN, INPUT_STD, Dataset, Scorecard, Teacher

WARMUP_RUNS, LEAST_RUNS, MOST_SECONDS = 5, 10, 60.0
MOST_MACS = 2 * 10**12
MOST_PER_CLASS = 1_000


def affordable(path: Path, images: int) -> int:
    """Of how many images a file's figures are taken: all, unless that were more than two million
    million MACs.
    """
    return max(1, min(images, MOST_MACS // max(1, file_costs.macs(path))))


def evaluate(
    path: Path, data: Dataset, teacher_top: np.ndarray, latency: dict[str, Any]
) -> Scorecard:
    """Score one file on ``data.test``; ``teacher_top`` (N,) holds the class that the teacher gives
    each image.

    A file that is too slow for all images is scored on some, spread over the test images.
    """
    rows = np.linspace(0, len(data.test) - 1, affordable(path, len(data.test))).astype(int)
    scores, labels = predict(path, (data.test.images[row] for row in rows)), data.test.labels[rows]
    right = scores.argmax(1) == labels
    return Scorecard(
        images=len(rows),
        top1=top_k(scores, labels, 1),
        top5=top_k(scores, labels, 5),
        agreement=float((scores.argmax(1) == teacher_top[rows]).mean()),
        per_class=per_class(right, labels, data.classes),
        bytes=path.stat().st_size,
        gzip_bytes=_gzip_bytes(path),
        macs=file_costs.macs(path),
        peak_tensor_bytes=file_costs.peak_tensor_bytes(path),
        latency_ms=latency,
    )


def evaluate_teacher(
    teacher: Teacher, scores: np.ndarray, data: Dataset, latency: dict[str, Any] | None
) -> Scorecard:
    """The baseline: accuracies from the teacher's logits ``scores`` (N, classes), the rest from its
    float32 .tflite.

    Where the teacher could not be converted, bytes are the upload's and MACs, memory and latency
    are unknown (None).
    """
    return Scorecard(
        images=len(data.test),
        top1=top_k(scores, data.test.labels, 1),
        top5=top_k(scores, data.test.labels, 5),
        agreement=1.0,
        per_class=per_class(scores.argmax(1) == data.test.labels, data.test.labels, data.classes),
        bytes=teacher.tflite.stat().st_size if teacher.tflite else teacher.bytes,
        gzip_bytes=_gzip_bytes(teacher.tflite) if teacher.tflite else teacher.bytes,
        macs=file_costs.macs(teacher.tflite) if teacher.tflite else None,
        peak_tensor_bytes=file_costs.peak_tensor_bytes(teacher.tflite) if teacher.tflite else None,
        latency_ms=latency,
    )


def predict(path: Path, images: Iterable[np.ndarray]) -> np.ndarray:
    """Raw outputs (N, classes) of a .tflite for images uint8 (height, width, channels), one at a
    time as an app would.

    A file with a float32 input gets (pixel - 128) / 127.5, as its metadata says.
    """
    interpreter, feed = _interpreter(path)
    output = interpreter.get_output_details()[0]["index"]
    in_float = feed["dtype"] == np.float32
    rows = []
    for image in images:
        fed = (image.astype(np.float32) - INPUT_MEAN) / INPUT_STD if in_float else image
        interpreter.set_tensor(feed["index"], fed[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output)[0])
    return np.stack(rows)


def latencies(paths: Sequence[Path], runs: int) -> list[dict[str, Any]]:
    """Milliseconds per inference of each file, one thread: p50 and p90 over ``runs``, the files
    taking turns.

    Taking turns lets a busy machine slow all of them alike, so that ratios stay fair. After a
    minute ten runs suffice.
    """
    opened = []
    for path in paths:
        interpreter, feed = _interpreter(path)
        interpreter.set_tensor(feed["index"], np.zeros([1, *feed["shape"][1:]], feed["dtype"]))
        opened.append(interpreter)
    times: list[list[float]] = [[] for _ in paths]
    begun = time.monotonic()
    for run in range(WARMUP_RUNS + runs):
        if run >= WARMUP_RUNS + LEAST_RUNS and time.monotonic() - begun > MOST_SECONDS:
            break
        for i, interpreter in enumerate(opened):
            start = time.perf_counter()
            interpreter.invoke()
            if run >= WARMUP_RUNS:
                times[i].append((time.perf_counter() - start) * 1000)
    return [
        {
            "p50": float(np.percentile(t, 50)),
            "p90": float(np.percentile(t, 90)),
            "threads": 1,
            "cpu": cpu(),
        }
        for t in times
    ]


def tensors(path: Path) -> dict[str, Any]:
    """Shape and type of the file's input and output."""
    interpreter, feed = _interpreter(path)
    ends = {"input": feed, "output": interpreter.get_output_details()[0]}
    return {
        name: {"shape": end["shape"].tolist(), "dtype": np.dtype(end["dtype"]).name}
        for name, end in ends.items()
    }


def top_k(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Top-k accuracy; where quantized scores tie across the k-th place, a class counts with its
    chance to be in.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    above, tied = (scores > own).sum(1), (scores == own).sum(1)
    return float(np.clip((k - above) / tied, 0, 1).mean())


def per_class(right: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, float]:
    """Top-1 per class; classes without a test image are left out, and all of them where they are
    over a thousand.
    """
    if len(classes) > MOST_PER_CLASS:
        return {}
    return {
        name: float(right[labels == i].mean())
        for i, name in enumerate(classes)
        if (labels == i).any()
    }


def cpu() -> str:
    """The processor's name."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gzip_bytes(path: Path) -> int:
    """What the file adds to an app bundle, which is compressed."""
    return len(gzip.compress(path.read_bytes(), mtime=0))


def _interpreter(path: Path) -> tuple[Any, dict[str, Any]]:
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter, interpreter.get_input_details()[0]
