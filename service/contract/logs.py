"""How processes log: text for people, or one JSON object per line; with the request's and job's id.

JSON has the fields time, level, process, logger and message; request_id and job_id where there is
one; exception; and what the caller gave as ``extra={"fields": {...}}``.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")


def configure(log_format: str, process: str, level: int | str = logging.INFO) -> None:
    """Log to standard error from now on; ``process`` says who speaks, e.g. ``api``."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(log_format, process))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def formatter(log_format: str, process: str) -> logging.Formatter:
    if log_format == "json":
        return JsonFormatter(process)
    return logging.Formatter(f"%(asctime)s {process} %(levelname)s %(message)s")


@contextmanager
def about(variable: ContextVar[str], value: str) -> Iterator[None]:
    """Within the block, what this thread logs carries the id."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


class JsonFormatter(logging.Formatter):
    def __init__(self, process: str):
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        ids = {"request_id": request_id.get(), "job_id": job_id.get()}
        told |= {name: value for name, value in ids.items() if value}
        told |= getattr(record, "fields", {})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)
