"""What a job made as a table: the teacher's row as baseline, then every file, largest first."""

import typer

from learn2compress.cli.console import show_table
from service.contract.figures import Accuracies, VariantMetrics
from service.contract.job_views import JobView, VariantView
from service.contract.report import Baseline

COLUMNS = [
    *("variant", "format", "top-1", "top-3", "kB", "gzip\nkB", "M\nMACs", "p50\nms"),
    *("smaller", "faster", "fewer\nMACs"),
]
MARK = "*"


def show(job: JobView) -> None:
    """The figures that decide, and the report's warnings; report.json has all figures."""
    rows = [_teacher(job.baseline)] if job.baseline else []
    for variant in sorted(job.variants, key=lambda each: -each.bytes):
        rows.append(row(variant))
    show_table(COLUMNS, rows)
    if short_of_budget(job):
        typer.echo(f"{MARK} does not keep its budget")
    if job.report:
        for warning in job.report.warnings:
            typer.echo(f"warning: {warning}", err=True)


def short_of_budget(job: JobView) -> list[str]:
    """Names of the variants that do not keep their budget."""
    return [variant.name for variant in job.variants if _misses_budget(variant.metrics)]


def row(variant: VariantView) -> list[str]:
    """The variant in the columns of COLUMNS."""
    metrics = variant.metrics
    mark = ""
    if _misses_budget(metrics):
        mark = MARK
    ratios = (metrics.smaller_x, metrics.faster_x, metrics.fewer_macs_x)
    return [
        variant.name + mark,
        metrics.quantization,
        _with_interval(metrics),
        _percent(metrics.top3),
        _kilobytes(variant.bytes),
        _kilobytes(metrics.gzip_bytes),
        _millions(metrics.macs),
        f"{metrics.latency_ms.p50:.2f}",
        *("-" if ratio is None else f"{ratio:.1f}x" for ratio in ratios),
    ]


def _teacher(baseline: Baseline) -> list[str]:
    latency = "-"
    if baseline.latency_ms:
        latency = f"{baseline.latency_ms.p50:.2f}"
    return [
        baseline.name,
        baseline.quantization,
        _with_interval(baseline),
        _percent(baseline.top3),
        _kilobytes(baseline.bytes),
        _kilobytes(baseline.gzip_bytes),
        _millions(baseline.macs),
        latency,
        *("-", "-", "-"),
    ]


def _misses_budget(metrics: VariantMetrics) -> bool:
    return metrics.budget is not None and not metrics.budget.kept


def _with_interval(row: Accuracies) -> str:
    """Top-1 and half the width of its 95 % interval."""
    if row.top1_interval is None:
        return _percent(row.top1)
    half = (row.top1_interval.high - row.top1_interval.low) / 2
    return f"{row.top1:.1%} ±{100 * half:.1f}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.1%}"


def _kilobytes(count: int) -> str:
    """With a decimal below a megabyte."""
    if count < 1_000_000:
        return f"{count / 1e3:,.1f}"
    return f"{count / 1e3:,.0f}"


def _millions(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count / 1e6:,.2f}"
