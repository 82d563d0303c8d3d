"""Measures all files in the same way; for the latency they take turns in one run."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from rich.progress import track

from benchmarks.peers.images import Scaling
from workers.compression.artifacts import accuracy, file_costs
from workers.compression.artifacts import interpreter as litert

LATENCY_RUNS = 500


@dataclass(frozen=True)
class Subject:
    """A file to measure; ``scaling`` is None if the file takes pixels as they are."""

    name: str
    path: Path
    scaling: Scaling | None
    minutes: float | None
    ours: bool = False


def rows(
    subjects: Sequence[Subject], images: np.ndarray, labels: np.ndarray
) -> list[dict[str, Any]]:
    """One row per file for peers.json; ``images`` are uint8 pixels (N, height, width, 3)."""
    latencies = litert.measure_latencies([subject.path for subject in subjects], LATENCY_RUNS)
    return [
        _row(subject, images, labels)
        | {"latency_ms": round(latency.p50, 4), "minutes": subject.minutes}
        for subject, latency in zip(subjects, latencies, strict=True)
    ]


def _row(subject: Subject, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    file = subject.path.read_bytes()
    return {
        "name": subject.name,
        "ours": subject.ours,
        "bytes": len(file),
        "gzip_bytes": len(gzip.compress(file, mtime=0)),
        "top1": top1(subject, images, labels),
        "macs": file_costs.count_macs(subject.path),
    }


def top1(subject: Subject, images: np.ndarray, labels: np.ndarray) -> float:
    """Top-1 with one image at a time, as in an app; see accuracy.top_k for equal scores."""
    interpreter = Interpreter(str(subject.path), num_threads=1)
    interpreter.allocate_tensors()
    feed, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scores = []
    for image in track(images, f"{subject.name:24}"):
        interpreter.set_tensor(feed["index"], prepare(image, subject.scaling, feed)[None])
        interpreter.invoke()
        scores.append(interpreter.get_tensor(output["index"])[0])
    return accuracy.top_k(np.stack(scores), labels, 1)


def prepare(image: np.ndarray, scaling: Scaling | None, feed: dict[str, Any]) -> np.ndarray:
    """Pixels (height, width, 3) at the size, scaling and element type of the input ``feed``."""
    height, width = feed["shape"][1:3]
    if image.shape[:2] != (height, width):
        image = np.asarray(
            Image.fromarray(image).resize(
                (width, height), Image.Resampling.BILINEAR, reducing_gap=2.0
            )
        )
    if scaling is None:
        return image
    if feed["dtype"] == np.float32:
        return scaling(image)
    scale, zero = feed["quantization"]
    limits = np.iinfo(feed["dtype"])
    integers: np.ndarray = np.clip(np.round(scaling(image) / scale + zero), limits.min, limits.max)
    return integers.astype(feed["dtype"])
