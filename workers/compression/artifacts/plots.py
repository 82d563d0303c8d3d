"""Accuracy over bytes, where people would rather look than read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import EngFormatter

matplotlib.rcParams["svg.hashsalt"] = "learn2compress"
NAME = "accuracy_over_bytes"


def _series(variants: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """One line per kind of file, by bytes."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(variants, key=lambda row: row["bytes"]):
        whose = "students" if row["student"] else "teacher untrained"
        found.setdefault(f"{whose} ({row['quantization']})", []).append(row)
    return found


def accuracy_over_bytes(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw top-1 of the baseline and of every variant over their bytes (log scale); write PNG and
    SVG.
    """
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    baseline = report["baseline"]
    for label, rows in _series(report["variants"]).items():
        axes.plot(
            [row["bytes"] for row in rows], [100 * row["top1"] for row in rows], "o-", label=label
        )
    axes.plot([baseline["bytes"]], [100 * baseline["top1"]], "s", label="teacher (float32)")
    for row in [*report["variants"], baseline]:
        label = f"{row['name']} {100 * row['top1']:.1f} %"
        point = (row["bytes"], 100 * row["top1"])
        axes.annotate(label, point, xytext=(8, -12), textcoords="offset points", fontsize=8)
    axes.set(
        xscale="log",
        xlabel="bytes of the .tflite (log scale)",
        ylabel="top-1 on held-out images (%)",
    )
    axes.xaxis.set_major_formatter(EngFormatter("B"))
    axes.margins(x=0.25, y=0.25)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right")
    paths = [folder / f"{NAME}.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths
