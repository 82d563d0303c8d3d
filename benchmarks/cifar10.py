"""CIFAR-10, all 50,000 images, from a ResNet-32 teacher that others trained: the table, the minutes
and the plot.

    python -m benchmarks.cifar10 [--effort standard] [--out DIR]

Three students, each the largest that its bytes allow. Writes benchmarks/results/cifar10.json and
docs/images/cifar10.{png,svg}. An interrupted run goes on where it stopped.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import real_data

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "name",
    "bytes",
    "parameters",
    "macs",
    "top1",
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
    command = [
        sys.executable,
        "-m",
        "workers.compression",
        "compress",
        teacher,
        data,
        "--out",
        args.out,
    ]
    budgets = [json.dumps({"name": name, "max_bytes": most}) for name, most in BYTES.items()]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--effort", args.effort, *(f"--variant={each}" for each in budgets)], check=False
    )
    if done.returncode == 0:
        publish(args.out, (time.monotonic() - started) / 60)
    return done.returncode


def publish(folder: Path, minutes: float) -> None:
    """Print the table of a finished run and keep it with its plot."""
    report = json.loads((folder / "report.json").read_text())
    rows = [_row(row) for row in [report["baseline"], *report["variants"]]]
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(f"{minutes:.1f} minutes")
    result = {
        "minutes": round(minutes, 1),
        "rows": rows,
        "recipe": report["recipe"],
        "versions": report["versions"],
    }
    (ROOT / "benchmarks" / "results" / "cifar10.json").write_text(
        json.dumps(result, indent=2) + "\n"
    )
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for suffix in ("png", "svg"):
        shutil.copyfile(folder / f"accuracy_over_bytes.{suffix}", images / f"cifar10.{suffix}")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in (*COLUMNS, *RATIOS)} | {"latency_ms": row["latency_ms"]}


if __name__ == "__main__":
    sys.exit(main())
