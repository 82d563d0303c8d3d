"""What a job made as a table: the teacher's own row as baseline, then every file, largest first."""

from typing import Any

import typer

from learn2compress.cli.console import show_table
from service.contract.views import JobView

RATIOS = {"smaller_x": "smaller", "faster_x": "faster", "fewer_macs_x": "fewer\nMACs"}
COLUMNS = ["variant", "format", "top-1", "kB", "gzip\nkB", "M\nMACs", "p50\nms", *RATIOS.values()]
MARK = "*"


def show(job: JobView) -> None:
    """The figures that decide, and what the report warns of; report.json has it all."""
    rows = [
        variant.metrics | {"name": variant.name, "bytes": variant.bytes} for variant in job.variants
    ]
    rows.sort(key=lambda row: -int(row["bytes"]))
    show_table(COLUMNS, [_row((job.baseline or {}) | {"name": "teacher"}), *map(_row, rows)])
    if short_of_budget(job):
        typer.echo(f"{MARK} does not keep its budget")
    for warning in (job.report or {}).get("warnings") or ():
        typer.echo(f"warning: {warning}", err=True)


def short_of_budget(job: JobView) -> list[str]:
    """Names of the variants that do not keep what was asked of them."""
    return [variant.name for variant in job.variants if _short(variant.metrics)]


def _short(figures: dict[str, Any]) -> bool:
    budget = figures.get("budget")
    return isinstance(budget, dict) and budget.get("kept") is False


def _row(figures: dict[str, Any]) -> list[str]:
    latency = (figures.get("latency_ms") or {}).get("p50")
    return [
        f"{figures['name']}{MARK if _short(figures) else ''}",
        str(figures.get("quantization") or "-"),
        _shown(figures.get("top1"), ".1%"),
        _kilobytes(figures.get("bytes")),
        _kilobytes(figures.get("gzip_bytes")),
        _shown(figures.get("macs"), ",.2f", per=1e6),
        _shown(latency, ".2f"),
        *(_shown(figures.get(ratio), ".1f", unit="x") for ratio in RATIOS),
    ]


def _kilobytes(value: Any) -> str:
    """Without a decimal from a megabyte on."""
    return _shown(value, ",.1f" if isinstance(value, int) and value < 1e6 else ",.0f", per=1e3)


def _shown(value: Any, form: str, per: float = 1, unit: str = "") -> str:
    return format(value / per, form) + unit if isinstance(value, (int, float)) else "-"
