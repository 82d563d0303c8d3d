"""The plot of the table: top-1 over bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import EngFormatter

matplotlib.rcParams["svg.hashsalt"] = "learn2compress"
KINDS = {
    "teacher": ("s", "teacher, quantized after training"),
    "tfmot": ("D", "teacher, tfmot pruning + QAT"),
    "distiller": ("^", "Keras Distiller + PTQ"),
    "scratch": ("v", "from scratch + PTQ"),
    "mlperf": ("P", "MLPerf Tiny ResNet-8"),
}
OURS = ("o", "learn2compress")
TOUCHING = 1.1


def top1_over_bytes(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Draw peers.png and peers.svg; a line connects our own points."""
    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    for kind, (marker, label) in KINDS.items():
        _points(
            axes,
            [row for row in rows if not row["ours"] and row["name"].split("-")[0] == kind],
            marker,
            label,
        )
    _points(
        axes,
        [row for row in rows if row["ours"]],
        *OURS,
        line="-",
        markersize=9,
        color="black",
        zorder=3,
    )
    axes.set(
        xscale="log",
        xlabel="bytes of the .tflite (log scale)",
        ylabel="top-1 on CIFAR-10's test images (%)",
    )
    axes.xaxis.set_major_formatter(EngFormatter("B"))
    axes.margins(x=0.15, y=0.12)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right")
    paths = [folder / f"peers.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths


def _points(
    axes: Any, rows: list[Mapping[str, Any]], marker: str, label: str, line: str = "", **style: Any
) -> None:
    if not rows:
        return
    rows = sorted(rows, key=lambda row: row["bytes"])
    points = [(row["bytes"], 100 * row["top1"]) for row in rows]
    axes.plot(*zip(*points, strict=True), marker=marker, linestyle=line, label=label, **style)
    for names, point in _labels(rows, points) if len(rows) > 1 else []:
        axes.annotate(
            names, point, xytext=(8, -4), textcoords="offset points", fontsize=7, va="top"
        )


def _labels(
    rows: list[Mapping[str, Any]], points: list[tuple[int, float]]
) -> list[tuple[str, tuple[int, float]]]:
    """One label per point, without the kind, which is in the legend.

    The labels of points that touch are written below each other.
    """
    labels: list[tuple[str, tuple[int, float]]] = []
    for row, point in zip(rows, points, strict=True):
        name = row["name"] if row["ours"] else row["name"].split("-", 1)[1]
        if (
            labels
            and point[0] < TOUCHING * labels[-1][1][0]
            and abs(point[1] - labels[-1][1][1]) < 1
        ):
            labels[-1] = f"{labels[-1][0]}\n{name}", labels[-1][1]
        else:
            labels.append((name, point))
    return labels
