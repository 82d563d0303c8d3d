"""What a job made: each variant's figures, and its .tflite, whole or in ranges."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.app_context import AppContext
from service.contract.errors import NotFound, RangeNotSatisfiable
from service.contract.records import Variant

SINGLE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


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


def read(context: AppContext, account_id: str, variant_id: str) -> Variant:
    with context.sessions() as session:
        variant = session.get(Variant, variant_id)
    if variant is None or variant.account_id != account_id:
        raise NotFound(f"There is no variant {variant_id}.")
    return variant


def content(context: AppContext, variant: Variant, wanted: Slice) -> Iterator[bytes]:
    try:
        return context.store.read(variant.key, wanted.start, wanted.end)
    except FileNotFoundError as error:
        raise NotFound(f"The file of variant {variant.id} is not in the store any more.") from error


def wanted_slice(header: str | None, total: int) -> Slice:
    """What a Range header asks for (RFC 9110, 14.2): one range; anything else means the whole file."""
    match = SINGLE_RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return Slice(0, total, total)
    first, last = match[1], match[2]
    if first and last and int(last) < int(first):
        return Slice(0, total, total)
    start = int(first) if first else max(0, total - int(last))
    end = min(total, int(last) + 1) if first and last else total
    if start >= end:
        raise OutsideTheFile(total)
    return Slice(start, end, total)
