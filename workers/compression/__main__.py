"""The engine on its own: local files in, local files out.

    python -m workers.compression compress MODEL DATA --out DIR
    python -m workers.compression inspect [--model MODEL] [--data DATA]
    python -m workers.compression work DIR

``work`` is how a worker runs it: DIR/task.json says what to do, progress goes out as JSON lines.
Exit status: 0 done, 1 unexpected, 2 refused with a typed error.
"""

import argparse
import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.compression import inspection
from workers.compression.errors import CompressionError
from workers.compression.progress import Bars, JsonLines
from workers.compression.values import Report

DONE, REFUSED = 0, 2
SPEC = (
    "effort",
    "seed",
    "family",
    "teacher",
    "sparsity",
    "quantizations",
    "variants",
    "input_scaling",
    "teacher_output",
    "class_names",
)
QUANTIZATIONS = ("int8", "int8_dynamic", "float16", "float32", "int4")
LESS = "compress with fewer or smaller images"


def main() -> int:
    args = _parser().parse_args()
    if args.command == "work":
        return _guarded(lambda: _work(args.folder, JsonLines()), as_json=True)
    if args.command == "inspect":
        return _guarded(lambda: print(json.dumps(_inspect(args), indent=2)), as_json=False)
    return _guarded(lambda: _compress(args), as_json=False)


def _work(folder: Path, report: Report) -> None:
    task = json.loads((folder / "task.json").read_text())
    report("load", 0.0)
    if task["kind"] == "compression":
        from workers.compression import pipeline

        result = pipeline.compress(folder / task["model"], folder / task["dataset"], folder, task["spec"], report)
    elif task["kind"] == "model_inspection":
        result = inspection.model(folder / task["model"], folder / "scratch")
    else:
        result = inspection.dataset(folder / task["dataset"])
    _write(folder / "report.json", result)


def _compress(args: argparse.Namespace) -> None:
    from workers.compression import pipeline

    args.out.mkdir(parents=True, exist_ok=True)
    spec = {name: getattr(args, name) for name in SPEC if getattr(args, name) is not None}
    with Bars() as report:
        result = pipeline.compress(args.model, args.data, args.out, spec, report)
    _write(args.out / "report.json", result)
    (args.out / "checkpoint.npz").unlink(missing_ok=True)
    for row in [result["baseline"], *result["variants"]]:
        print(f"{row['name']:16} {row['bytes']:>12,} bytes  top-1 {row['top1']:.2%}  {row.get('file', '')}")
    for warning in result["warnings"]:
        print(warning, file=sys.stderr)


def _inspect(args: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if args.model:
        with tempfile.TemporaryDirectory() as scratch:
            result["model"] = inspection.model(args.model, Path(scratch))
    if args.data:
        result["data"] = inspection.dataset(args.data)
    if args.model and args.data:
        result["teacher"] = inspection.accuracy(args.model, args.data, {})
    return result


def _guarded(run: Callable[[], None], as_json: bool) -> int:
    try:
        run()
        return DONE
    except (CompressionError, MemoryError, OSError) as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
    if as_json:
        line = {"type": "error", "code": refusal.code, "message": refusal.message[:1000], "hint": refusal.hint}
        print(json.dumps(line), flush=True)
    else:
        print(f"{refusal.code}: {refusal.message}\n{refusal.hint}", file=sys.stderr)
    return REFUSED


def _refusal(error: Exception) -> CompressionError | None:
    """What the user is told, or None where nobody foresaw it."""
    if isinstance(error, CompressionError):
        return error
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return CompressionError("out_of_memory", "The worker's memory is used up.", f"Give it more memory, or {LESS}.")
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        hint = f"Ask the operator to raise L2C_MAX_UPLOAD_BYTES, or {LESS}."
        return CompressionError("disk_full", "A file of the job would be larger than the worker lets it be.", hint)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CompressionError("disk_full", "The worker's disk is full.", f"Free space on it, or {LESS}.")
    return None


def _write(path: Path, result: dict[str, Any]) -> None:
    staged = path.with_suffix(".staged")
    staged.write_text(json.dumps(result, indent=2))
    os.replace(staged, path)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise ValueError(text)
    return seed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers.compression", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    compress = commands.add_parser("compress", help="compress a model into several .tflite files")
    compress.add_argument("model", type=Path, help=".keras, .h5, or SavedModel as .zip or .tar.gz")
    compress.add_argument(
        "data", type=Path, help=".zip, .tar or .tar.gz of class folders, with or without train/ val/ test/"
    )
    compress.add_argument("--out", type=Path, required=True, help="folder for report.json, the plot and variants/")
    compress.add_argument(
        "--effort", choices=["draft", "standard", "thorough"], default="standard", help="how long to train"
    )
    compress.add_argument("--seed", type=_seed, default=0, help="of the split, the weights and the batches")
    compress.add_argument(
        "--family", choices=["auto", "resnet", "mobilenet", "nasnet", "teacher"], help="what students are built of"
    )
    compress.add_argument("--teacher", choices=["fixed", "joint"], help="trained along or not")
    compress.add_argument(
        "--sparsity",
        type=float,
        help="share of weights that pruning sets to zero, 0..0.95: smaller when compressed, not faster",
    )
    compress.add_argument(
        "--quantization", dest="quantizations", action="append", choices=QUANTIZATIONS, help="a file of each student"
    )
    compress.add_argument(
        "--variant",
        dest="variants",
        action="append",
        type=json.loads,
        metavar="JSON",
        help='a student by its budget: \'{"name": "app", "max_bytes": 98304}\' (max_macs, max_latency_ms, min_top1)',
    )
    compress.add_argument("--input-scaling", choices=["raw", "unit", "symmetric", "imagenet", "caffe", "standardized"])
    compress.add_argument("--teacher-output", choices=["logits", "softmax", "sigmoid"])
    compress.add_argument("--class-names", nargs="+", help="folder names in the order of the teacher's outputs")
    inspect = commands.add_parser(
        "inspect", help="tell what a model and a dataset are; with both, the teacher's accuracy"
    )
    inspect.add_argument("--model", type=Path)
    inspect.add_argument("--data", type=Path)
    work = commands.add_parser("work", help="run the task in a work folder, as a worker does")
    work.add_argument("folder", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
