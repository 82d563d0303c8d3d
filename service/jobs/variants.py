"""What jobs made: each variant's figures, and its .tflite, whole or in ranges."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select

from service import paging
from service.app_context import AppContext
from service.caller import Caller
from service.contract.errors import NotFound, RangeNotSatisfiable
from service.contract.job import Quantization
from service.contract.records import Job, Variant
from service.ownership import visible

SINGLE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
Sort = Literal[
    "created_at",
    "bytes",
    "macs",
    "latency_ms",
    "top1",
    "top5",
    "-created_at",
    "-bytes",
    "-macs",
    "-latency_ms",
    "-top1",
    "-top5",
]
"""Columns of a variant that are never null, with a minus before them for descending order."""


@dataclass(frozen=True)
class VariantFilters:
    """Which variants: at most so large and slow, at least so accurate, of this job or label."""

    max_bytes: int | None = None
    max_macs: int | None = None
    max_latency_ms: float | None = None
    min_top1: float | None = None
    min_top3: float | None = None
    min_top5: float | None = None
    quantization: Quantization | None = None
    name: str | None = None
    job_id: str | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def conditions(self) -> list[Any]:
        limits = (
            (self.max_bytes, Variant.bytes.__le__),
            (self.max_macs, Variant.macs.__le__),
            (self.max_latency_ms, Variant.latency_ms.__le__),
            (self.min_top1, Variant.top1.__ge__),
            (self.min_top3, Variant.top3.__ge__),
            (self.min_top5, Variant.top5.__ge__),
            (self.quantization, Variant.quantization.__eq__),
            (self.name, Variant.name.__eq__),
            (self.job_id, Variant.job_id.__eq__),
        )
        found = [compare(value) for value, compare in limits if value is not None]
        if self.labels:
            labelled = select(Job.id).where(*paging.has_labels(Job, self.labels))
            found.append(Variant.job_id.in_(labelled))
        return found


@dataclass(frozen=True)
class Slice:
    """The bytes [start, end) of a file of ``total`` bytes."""

    start: int
    end: int
    total: int

    @property
    def partial(self) -> bool:
        return self.end - self.start < self.total


class OutsideTheFile(RangeNotSatisfiable):
    """Its ``headers`` tell the length, as RFC 9110 (15.5.17) asks for."""

    def __init__(self, total: int):
        super().__init__(f"The file is {total} bytes long.")
        self.headers = {"Content-Range": f"bytes */{total}"}


def browse(
    context: AppContext,
    caller: Caller,
    wanted: paging.PageRequest,
    filters: VariantFilters,
    sort: str,
) -> paging.Page[Variant]:
    query = select(Variant).where(Variant.account_id == caller.account_id, *filters.conditions())
    if caller.job_id is not None:
        query = query.where(Variant.job_id == caller.job_id)
    with context.sessions() as session:
        return paging.page(session, query, Variant, wanted, sort)


def read(context: AppContext, caller: Caller, variant_id: str) -> Variant:
    with context.sessions() as session:
        return visible(session, Variant, caller, variant_id)


def content(context: AppContext, variant: Variant, wanted: Slice) -> Iterator[bytes]:
    try:
        return context.store.read(variant.key, wanted.start, wanted.end)
    except FileNotFoundError as error:
        hint = "Create the job again."
        message = f"The file of variant {variant.id} is not in the store any more."
        raise NotFound(message, hint) from error


def wanted_slice(header: str | None, total: int) -> Slice:
    """What a Range header requests (RFC 9110, 14.2): one range, or else the whole file."""
    match = SINGLE_RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return Slice(0, total, total)
    first, last = match[1], match[2]
    if not first:  # the last bytes of the file
        start, end = max(0, total - int(last)), total
    elif not last:
        start, end = int(first), total
    elif int(last) < int(first):
        return Slice(0, total, total)
    else:
        start, end = int(first), min(total, int(last) + 1)
    if start >= end:
        raise OutsideTheFile(total)
    return Slice(start, end, total)
