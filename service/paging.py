"""Newest first, a page at a time. A cursor stays valid when rows come and go around it."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import Session

from service.contract.errors import Malformed
from service.contract.records import UtcDateTime

Row = TypeVar("Row")


@dataclass(frozen=True)
class Wanted:
    """Which page: at most ``limit`` rows after ``cursor`` (the previous page's ``next_cursor``)."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: list[Row]
    next_cursor: str | None


def page(session: Session, query: Select[Row], table: Any, wanted: Wanted) -> Page[Row]:
    """One page of ``query`` over ``table``, which has ``created_at`` and ``id``."""
    if wanted.cursor is not None:
        created_at, row_id = _decode(wanted.cursor)
        query = query.where(
            tuple_(table.created_at, table.id) < tuple_(literal(created_at, UtcDateTime), row_id)
        )
    query = query.order_by(table.created_at.desc(), table.id.desc()).limit(wanted.limit + 1)
    rows = list(session.scalars(query))
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    return Page(rows, _encode(rows[-1]) if more else None)


def _encode(row: Any) -> str:
    return (
        base64.urlsafe_b64encode(f"{row.created_at.isoformat()} {row.id}".encode())
        .decode()
        .rstrip("=")
    )


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        created_at, row_id = plain.split(" ")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None or "\0" in row_id:
            raise ValueError(cursor)
        return moment, row_id
    except (ValueError, binascii.Error) as error:
        raise Malformed(
            "This cursor was not given out by this service.", "Start again without cursor."
        ) from error
