"""Count what makes code hard to read: long files, functions and lines, dense expressions, missing
comments.

    python -m benchmarks.code_counts [--root DIR] [--json]

Product code is service/, workers/, learn2compress/ and migrations/. Lines are counted without blank
ones. A ternary is ``a if c else b``; a comprehension is any of list, set, dict and generator.
"""

import argparse
import ast
import io
import json
import re
import statistics
import tokenize
from pathlib import Path

PRODUCT = ("service", "workers", "learn2compress", "migrations")
EVERYTHING = (*PRODUCT, "tests", "benchmarks", "examples")
LONGEST_LINE = 100
FIELD, FAMILY = "sparsity", "nasnet"
"""A field of the job spec and a family of students: a new one touches the files that name these."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="checkout")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    counts = count(args.root)
    if args.json:
        print(json.dumps(counts, indent=2))
        return
    for name, value in counts.items():
        print(f"{name:45} {', '.join(value) if isinstance(value, list) else value}")


def count(root: Path) -> dict[str, object]:
    """Every figure of one checkout, by name."""
    sources = {file: file.read_text() for file in python_files(root, PRODUCT)}
    trees = [ast.parse(source) for source in sources.values()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    lengths = [len(source.splitlines()) for source in sources.values() if source.strip()]
    functions = [_length(node) for node in nodes if isinstance(node, FUNCTIONS)]
    lines = [line for source in sources.values() for line in source.splitlines() if line.strip()]
    everything = [line for file in python_files(root, EVERYTHING) for line in _lines(file)]
    thousands = len(lines) / 1000
    return {
        "files": len(lengths),
        "lines (not blank)": len(lines),
        "file, median and longest (lines)": f"{_median(lengths)}, {max(lengths)}",
        "function, median and p90 (lines)": f"{_median(functions)}, {_p90(functions)}",
        "share of lines over 100 (all code)": _share(everything),
        "comment lines": f"{sum(map(_comments, sources.values())) / len(lines):.2%}",
        "ternaries per 1,000 lines": _rate(nodes, (ast.IfExp,), thousands),
        "comprehensions per 1,000 lines": _rate(nodes, COMPREHENSIONS, thousands),
        "Any in the engine": _anys(root),
        f"code files that name the field {FIELD}": _naming(root, sources, FIELD),
        f"code files that name the family {FAMILY}": _naming(root, sources, FAMILY),
    }


def python_files(root: Path, folders: tuple[str, ...]) -> list[Path]:
    return [file for folder in folders for file in sorted((root / folder).rglob("*.py"))]


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line.strip()]


def _length(function: ast.AST) -> int:
    """Lines from ``def`` to the end, decorators left out."""
    return function.end_lineno - function.lineno + 1  # type: ignore[attr-defined, no-any-return]


def _median(values: list[int]) -> int:
    return round(statistics.median(values))


def _p90(values: list[int]) -> int:
    return sorted(values)[int(0.9 * (len(values) - 1))]


def _share(lines: list[str]) -> str:
    long = sum(len(line) > LONGEST_LINE for line in lines)
    return f"{long / len(lines):.2%}"


def _comments(source: str) -> int:
    """Lines that hold a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = (token for token in tokens if token.type == tokenize.COMMENT)
    return sum(token.line.lstrip().startswith("#") for token in comments)


def _rate(nodes: list[ast.AST], kinds: tuple[type, ...], thousands: float) -> str:
    return f"{sum(isinstance(node, kinds) for node in nodes) / thousands:.1f}"


def _anys(root: Path) -> int:
    """How often the engine uses the type ``Any``, also by another name; imports left out."""
    files = python_files(root, ("workers/compression",))
    lines = [line for file in files for line in _lines(file) if "import" not in line]
    text = "\n".join(lines)
    aliases = re.findall(r"^(\w+) = Any$", text, re.MULTILINE)
    return sum(len(re.findall(rf"\b{name}\b", text)) for name in ("Any", *aliases))


def _naming(root: Path, sources: dict[Path, str], word: str) -> list[str]:
    """The files in which ``word`` stands."""
    naming = [file for file, source in sources.items() if word in source.lower()]
    return [str(file.relative_to(root)) for file in naming]


if __name__ == "__main__":
    main()
