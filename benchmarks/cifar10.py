"""Compresses a ResNet-32 teacher that others trained, on all 50,000 images of CIFAR-10.

    python -m benchmarks.cifar10 [--effort standard] [--out DIR]

Makes three students, each the largest within its bytes, and prints a table. Writes
benchmarks/results/cifar10.json and docs/images/cifar10.{png,svg}. An interrupted run is continued.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import real_data, results_file
from workers.compression.work_folder import PLOTS

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "name",
    "bytes",
    "parameters",
    "macs",
    "top1",
    "top3",
    "top5",
    "agreement",
    "float32_top1",
    "peak_tensor_bytes",
)
RATIOS = ("smaller_x", "faster_x", "fewer_macs_x")
BYTES = {"large": 300_000, "medium": 98_304, "small": 32_000}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--effort", default="standard", choices=["draft", "standard", "thorough"])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "cifar10")
    args = parser.parse_args()
    real_data.require()
    args.out.mkdir(parents=True, exist_ok=True)
    data = args.out / "cifar10.zip"
    if not data.exists():
        real_data.cifar10(data)
    teacher = real_data.FOLDER / "teachers" / "cifar10-resnet32" / "resnet.h5"
    engine = [sys.executable, "-m", "workers.local", "compress"]
    options = ["--out", args.out, "--effort", args.effort]
    for name, limit in BYTES.items():
        options += ["--variant", f"{name}:max_bytes={limit}"]
    started = time.monotonic()
    status = subprocess.run([*engine, teacher, data, *options], check=False).returncode
    if status == 0:
        publish(args.out, (time.monotonic() - started) / 60)
    return status


def publish(folder: Path, minutes: float) -> None:
    """Print the table of a finished run, and write it and its plots into the repository."""
    report = json.loads((folder / "report.json").read_text())
    rows = [_row(row) for row in [report["baseline"], *report["variants"]]]
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(f"{minutes:.1f} minutes")
    result = {
        "minutes": round(minutes, 1),
        "rows": rows,
        "recipe": report["recipe"],
    }
    results_file.write(results_file.FOLDER / "cifar10.json", result)
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for plot in PLOTS:
        shutil.copyfile(folder / plot, images / f"cifar10{Path(plot).suffix}")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in (*COLUMNS, *RATIOS)} | {"latency_ms": row["latency_ms"]}


if __name__ == "__main__":
    sys.exit(main())
