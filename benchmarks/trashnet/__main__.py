"""TrashNet, 2,527 photos of six kinds of rubbish: students of families mobilenet and pruned.

    python -m benchmarks.trashnet [--effort standard] [--out DIR]

benchmarks.trashnet.teacher trains the teacher, then the engine compresses it once per family. What
is finished is not repeated, and an interrupted compression is continued. Prints a table per family
and writes benchmarks/results/trashnet.json and docs/images/trashnet.{png,svg}. With other data, all
files are written to DIR.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import real_data
from benchmarks.trashnet import plot

ROOT = Path(__file__).resolve().parents[2]
DATA = real_data.FOLDER / "trashnet_160.tar"
FAMILIES = ("mobilenet", "pruned")
FIGURES = (
    "name",
    "bytes",
    "gzip_bytes",
    "parameters",
    "macs",
    "top1",
    "float32_top1",
    "agreement",
    "latency_ms",
)
RATIOS = ("smaller_x", "faster_x", "fewer_macs_x")


def main() -> None:
    args = _parser().parse_args()
    real_data.require()
    args.out.mkdir(parents=True, exist_ok=True)
    model = args.out / "teacher.keras"
    if not model.exists():
        print("training the teacher", flush=True)
        _run(
            "benchmarks.trashnet.teacher",
            args.data,
            model,
            *(("--epochs", args.epochs) if args.epochs else ()),
        )
    runs = {
        family: compressed(model, args.data, args.out, family, args.effort) for family in FAMILIES
    }
    for family, run in runs.items():
        _print(family, run)
    published = args.data == DATA
    results, images = (
        (ROOT / "benchmarks" / "results", ROOT / "docs" / "images")
        if published
        else (args.out, args.out)
    )
    (results / "trashnet.json").write_text(json.dumps({"runs": runs}, indent=2) + "\n")
    plot.top1_over_bytes({family: run["rows"] for family, run in runs.items()}, images)


def compressed(model: Path, data: Path, out: Path, family: str, effort: str) -> dict[str, Any]:
    """Rows, minutes, recipe and data of one compression, which is run if it is not finished."""
    folder = out / f"{family}-{effort}"
    path = folder / "report.json"
    if not path.exists():
        print(f"compressing to family {family}", flush=True)
        options = ("--out", folder, "--family", family, "--effort", effort)
        _run("workers.local", "compress", model, data, *options)
    report = json.loads(path.read_text())
    rows = [_row(row) for row in [report["baseline"], *report["variants"]]]
    return {"rows": rows} | {
        key: report[key] for key in ("minutes", "recipe", "data", "warnings", "versions")
    }


def _run(module: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in (*FIGURES, *RATIOS)}


def _print(family: str, run: Mapping[str, Any]) -> None:
    images, minutes = run["data"]["counts"]["test"], f"{run['minutes']:.1f}"
    print(f"\nfamily {family}, {images} test images, {minutes} minutes of training")
    titles = f"{'bytes':>11}{'gzip':>11}{'MACs':>9}{'top-1':>9}{'float32':>9}{'p50 ms':>9}"
    print(f"{'':14}{titles}  smaller, faster, MACs")
    for row in run["rows"]:
        times = "  ".join(f"{row[name]:.1f}x" for name in RATIOS if row[name])
        print(
            f"{row['name']:14}{row['bytes']:>11,}{row['gzip_bytes']:>11,}"
            f"{row['macs'] / 1e6:>8.1f}M{row['top1']:>9.2%}"
            f"{_percent(row['float32_top1'])}{row['latency_ms']['p50']:>9.3f}  {times}"
        )


def _percent(share: float | None) -> str:
    return f"{'-':>9}" if share is None else f"{share:>9.2%}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trashnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--effort",
        default="standard",
        choices=["draft", "standard", "thorough"],
        help="[%(default)s]",
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "trashnet", help="where files are kept"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="another archive of class folders")
    parser.add_argument("--epochs", type=int, help="of the teacher's training")
    return parser


if __name__ == "__main__":
    main()
