"""The plot of a report: top-1 over bytes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from workers.compression.values import Json
from workers.compression.work_folder import PLOTS

# Without a fixed salt and date, equal reports would give different files.
matplotlib.rcParams["svg.hashsalt"] = "learn2compress"
METADATA = {".png": None, ".svg": {"Date": None}}


def plot_accuracy_over_bytes(report: Json, folder: Path) -> None:
    """Draw the baseline and every variant, with bytes on a log scale; write PNG and SVG."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    baseline = report["baseline"]
    for label, rows in _series(report["variants"]).items():
        _draw(axes, rows, "o-", label)
    _draw(axes, [baseline], "s", "teacher (float32)")
    axes.set_xscale("log")
    axes.set_xlabel("bytes of the .tflite (log scale)")
    axes.set_ylabel("top-1 on held-out images, 95 % interval (%)")
    axes.xaxis.set_major_formatter(EngFormatter("B"))
    axes.margins(x=0.25, y=0.25)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right")
    for name in PLOTS:
        path = folder / name
        figure.savefig(path, dpi=150, metadata=METADATA[path.suffix])
    plt.close(figure)


def _series(variants: Sequence[Json]) -> dict[str, list[Json]]:
    """The rows of each kind of file, sorted by bytes: each kind is a line."""
    found: dict[str, list[Json]] = {}
    for row in sorted(variants, key=lambda row: int(row["bytes"])):
        network = "students" if row["student"] else "teacher untrained"
        found.setdefault(f"{network} ({row['quantization']})", []).append(row)
    return found


def _draw(axes: Axes, rows: Sequence[Json], style: str, label: str) -> None:
    points = [(row["bytes"], 100 * row["top1"]) for row in rows]
    below = [100 * (row["top1"] - row["top1_interval"]["low"]) for row in rows]
    above = [100 * (row["top1_interval"]["high"] - row["top1"]) for row in rows]
    across, up = zip(*points, strict=True)
    axes.errorbar(across, up, yerr=[below, above], fmt=style, capsize=3, label=label)
    for row, point in zip(rows, points, strict=True):
        text = f"{row['name']} {point[1]:.1f} %"
        axes.annotate(text, point, xytext=(8, -12), textcoords="offset points", fontsize=8)
