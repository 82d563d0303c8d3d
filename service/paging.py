"""Lists, a page at a time. A cursor stays valid when rows come and go around it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import Session

from service.contract.errors import Malformed
from service.contract.records import UtcDateTime
from service.contract.views import Id

Row = TypeVar("Row")
NEWEST_FIRST: Final = "-created_at"
LARGEST_INTEGER: Final = 2**63 - 1
_ROW_ID: Final = TypeAdapter(Id)


@dataclass(frozen=True)
class PageRequest:
    """At most ``limit`` rows after ``cursor``, which is the previous page's ``next_cursor``."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class Filters:
    """Which rows: in this state, of exactly this name, with all of these labels."""

    state: str | None = None
    name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def conditions(self, table: Any) -> list[Any]:
        """For the WHERE of a query over ``table``."""
        found = []
        if self.state is not None:
            found.append(table.state == self.state)
        if self.name is not None:
            found.append(table.name == self.name)
        return found + has_labels(table, self.labels)


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: list[Row]
    next_cursor: str | None


def has_labels(table: Any, labels: dict[str, str]) -> list[Any]:
    """Conditions that a row's JSON column ``labels`` has each of these pairs."""
    return [table.labels[key].as_string() == value for key, value in labels.items()]


def page(
    session: Session,
    query: Select[Row],
    table: Any,
    wanted: PageRequest,
    sort: str = NEWEST_FIRST,
) -> Page[Row]:
    """One page of ``query`` over ``table``.

    ``sort`` is a column of the table, which is never null, with a minus before it for descending
    order; rows with the same value are ordered by id.
    """
    descending = sort.startswith("-")
    column = getattr(table, sort.removeprefix("-"))
    if wanted.cursor is not None:
        after = tuple_(*_decode(wanted.cursor, sort, column))
        place = tuple_(column, table.id)
        query = query.where(place < after if descending else place > after)
    order: Sequence[Any] = (column, table.id)
    if descending:
        order = [each.desc() for each in order]
    # One row more than asked for tells whether there is another page, without counting.
    rows = list(session.scalars(query.order_by(*order).limit(wanted.limit + 1)))
    if len(rows) <= wanted.limit:
        return Page(rows, None)
    rows.pop()
    return Page(rows, _encode(rows[-1], sort))


def _encode(row: Any, sort: str) -> str:
    value = getattr(row, sort.removeprefix("-"))
    if isinstance(value, datetime):
        value = value.isoformat()
    plain = json.dumps([sort, value, row.id])
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str, column: Any) -> tuple[Any, str]:
    """The value of ``column`` and the id after which the page begins."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, value, row_id = json.loads(base64.urlsafe_b64decode(padded))
        if isinstance(column.type, UtcDateTime):
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError(cursor)
            value = value.astimezone(UTC)
        else:
            value = column.type.python_type(value)
            if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
                raise ValueError(cursor)
        if made_for != sort:
            raise ValueError(cursor)
        return literal(value, column.type), _ROW_ID.validate_python(row_id)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        hint = "Start again without cursor, or keep the sort that the cursor was made with."
        raise Malformed("This cursor was not given out by this service.", hint) from error
