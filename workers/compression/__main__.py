"""The engine on its own: local files in, local files out.

    python -m workers.compression compress MODEL DATA --out DIR
    python -m workers.compression inspect [--model MODEL] [--data DATA]
    python -m workers.compression work DIR

``work`` is how a worker runs it: DIR/task.json says what to do, progress goes out as JSON lines.
Exit status: 0 done, 1 unexpected, 2 refused with a typed error.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.compression import inspection
from workers.compression.errors import CompressionError, foreseen
from workers.compression.progress import Bars, JsonLines
from workers.compression.students.planning import BUDGETS
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
TEACHER_ROWS = ("teacher", "teacher-int8")
NAME, MOST_SPARSITY = r"[a-z][a-z0-9_-]{0,31}", 0.95


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

        result = pipeline.compress(
            folder / task["model"], folder / task["dataset"], folder, task["spec"], report
        )
    elif task["kind"] == "model_inspection":
        result = inspection.model(folder / task["model"], folder / "scratch")
    else:
        result = inspection.dataset(folder / task["dataset"])
    _write(folder / "report.json", result)


def _compress(args: argparse.Namespace) -> None:
    from workers.compression import pipeline

    args.out.mkdir(parents=True, exist_ok=True)
    spec = {name: getattr(args, name) for name in SPEC if getattr(args, name) is not None}
    if args.quantizations:
        spec["quantizations"] = list(dict.fromkeys(args.quantizations))
    suffixes = ("", *(f"-{quantization}" for quantization in spec.get("quantizations", [])[1:]))
    names = [
        *TEACHER_ROWS,
        *(each["name"] + suffix for each in spec.get("variants", []) for suffix in suffixes),
    ]
    if len(names) > len(set(names)):
        message = f"Two rows of the report would have the same name; {' and '.join(TEACHER_ROWS)} are taken."
        raise CompressionError("malformed", message, "Give the variants other names.")
    with Bars() as report:
        result = pipeline.compress(args.model, args.data, args.out, spec, report)
    _write(args.out / "report.json", result)
    (args.out / "checkpoint.npz").unlink(missing_ok=True)
    for row in [result["baseline"], *result["variants"]]:
        print(
            f"{row['name']:16} {row['bytes']:>12,} bytes  top-1 {row['top1']:.2%}  {row.get('file', '')}"
        )
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
    except Exception as error:
        refusal = foreseen(error)
        if refusal is None:
            raise
    if as_json:
        told = {"message": _plain(refusal.message), "hint": _plain(refusal.hint)}
        print(json.dumps({"type": "error", "code": refusal.code, **told}), flush=True)
    else:
        print(f"{refusal.code}: {refusal.message}\n{refusal.hint}", file=sys.stderr)
    return REFUSED


def _plain(text: str) -> str:
    """What the supervisor takes: names in an upload may hold anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:1000]


def _write(path: Path, result: dict[str, Any]) -> None:
    staged = path.with_suffix(".staged")
    staged.write_text(json.dumps(result, indent=2))
    os.replace(staged, path)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {2**31 - 1}")
    return seed


def _sparsity(text: str) -> float:
    share = float(text)
    if not 0 <= share <= MOST_SPARSITY:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MOST_SPARSITY}")
    return share


def _variant(text: str) -> dict[str, Any]:
    """What JobSpec would accept; the engine knows nothing of the service."""
    try:
        asked = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {text}") from error
    if not isinstance(asked, dict) or not re.fullmatch(NAME, str(asked.get("name", ""))):
        raise argparse.ArgumentTypeError(
            f"no name of a letter and up to 31 of a-z, 0-9, _ and -: {text}"
        )
    budgets = {key: value for key, value in asked.items() if key != "name"}
    if not budgets or set(budgets) - set(BUDGETS):
        raise argparse.ArgumentTypeError(f"budgets are {', '.join(BUDGETS)}: {text}")
    for name, value in budgets.items():
        kinds, most = BUDGETS[name]
        if type(value) not in kinds or not 0 < value <= most:
            raise argparse.ArgumentTypeError(
                f"{name} must be {kinds[-1].__name__}, above 0, at most {most}: {text}"
            )
    return asked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers.compression",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    compress = commands.add_parser("compress", help="compress a model into several .tflite files")
    compress.add_argument("model", type=Path, help=".keras, .h5, or SavedModel as .zip or .tar.gz")
    compress.add_argument(
        "data",
        type=Path,
        help=".zip, .tar or .tar.gz of class folders, with or without train/ val/ test/",
    )
    compress.add_argument(
        "--out", type=Path, required=True, help="folder for report.json, the plot and variants/"
    )
    compress.add_argument(
        "--effort",
        choices=["draft", "standard", "thorough"],
        default="standard",
        help="how long to train",
    )
    compress.add_argument(
        "--seed", type=_seed, default=0, help="of the split, the weights and the batches"
    )
    compress.add_argument(
        "--family",
        choices=["auto", "resnet", "mobilenet", "nasnet", "teacher"],
        help="what students are built of",
    )
    compress.add_argument("--teacher", choices=["fixed", "joint"], help="trained along or not")
    compress.add_argument(
        "--sparsity",
        type=_sparsity,
        help="share of weights that pruning sets to zero, 0..0.95: smaller when compressed, not faster",
    )
    compress.add_argument(
        "--quantization",
        dest="quantizations",
        action="append",
        choices=QUANTIZATIONS,
        help="a file of each student",
    )
    compress.add_argument(
        "--variant",
        dest="variants",
        action="append",
        type=_variant,
        metavar="JSON",
        help='a student by its budget: \'{"name": "app", "max_bytes": 98304}\' (max_macs, max_latency_ms, min_top1)',
    )
    compress.add_argument(
        "--input-scaling", choices=["raw", "unit", "symmetric", "imagenet", "caffe", "standardized"]
    )
    compress.add_argument("--teacher-output", choices=["logits", "softmax", "sigmoid"])
    compress.add_argument(
        "--class-names", nargs="+", help="folder names in the order of the teacher's outputs"
    )
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
