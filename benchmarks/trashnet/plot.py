"""Top-1 over bytes, a line per family."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import EngFormatter

matplotlib.rcParams["svg.hashsalt"] = "learn2compress"
TEACHERS = {
    "teacher": ("s", "the teacher (float32)"),
    "teacher-int8": ("D", "the teacher, quantized without training"),
}


def top1_over_bytes(
    families: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path
) -> list[Path]:
    """Draw trashnet.png and trashnet.svg from each family's rows."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for family, rows in families.items():
        _points(
            axes,
            [row for row in rows if row["name"] not in TEACHERS],
            "o",
            f"students of family {family}",
        )
    rows = next(iter(families.values()))
    for name, (marker, label) in TEACHERS.items():
        _points(axes, [row for row in rows if row["name"] == name], marker, label)
    axes.set(
        xscale="log",
        xlabel="bytes of the .tflite (log scale)",
        ylabel="top-1 on TrashNet's test images (%)",
    )
    axes.xaxis.set_major_formatter(EngFormatter("B"))
    axes.margins(x=0.1, y=0.15)
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    paths = [folder / f"trashnet.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths


def _points(axes: Any, rows: Sequence[Mapping[str, Any]], marker: str, label: str) -> None:
    if rows:
        points = sorted((row["bytes"], 100 * row["top1"]) for row in rows)
        axes.plot(*zip(*points, strict=True), marker=marker, label=label)
