"""The database's clock: leases and pauses are compared with it, not with a machine's own clock."""

from typing import Any

from sqlalchemy import ColumnElement, Float, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from service.contract.records import UtcDateTime


def database_now(seconds: float = 0.0) -> ColumnElement[Any]:
    """The moment at which the statement runs, and ``seconds`` later."""
    return _Moment(bindparam(None, seconds, Float))


class _Moment(FunctionElement[Any]):
    type = UtcDateTime()
    inherit_cache = True


@compiles(_Moment, "postgresql")
def _in_postgresql(element: _Moment, compiler: Any, **how: Any) -> str:
    seconds = compiler.process(element.clauses, **how)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(_Moment, "sqlite")
def _in_sqlite(element: _Moment, compiler: Any, **how: Any) -> str:
    """In the text form in which SQLAlchemy stores a datetime, with microseconds."""
    seconds = compiler.process(element.clauses, **how)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"
