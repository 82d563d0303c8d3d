"""Log lines: text, or JSON with the ids of the request and the job."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from service.contract import logs

LOG = logging.getLogger("tests.logs")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the logger writes as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json", "worker"))
    LOG.addHandler(handler)
    yield stream
    LOG.removeHandler(handler)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_json_line_says_when_who_and_what(written: io.StringIO) -> None:
    LOG.warning("two\nlines of %s", "text", extra={"fields": {"status": 200}})
    [line] = lines(written)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "process": "worker",
        "logger": "tests.logs",
        "message": "two\nlines of text",
        "status": 200,
    }


def test_ids_are_there_within_their_block_and_in_their_thread_only(written: io.StringIO) -> None:
    with logs.about(logs.job_id, "job_1"), logs.about(logs.request_id, "r1"):
        LOG.warning("inside")
        other = threading.Thread(target=LOG.warning, args=("other",))
        other.start()
        other.join()
    LOG.warning("outside")
    assert [(line.get("job_id"), line.get("request_id")) for line in lines(written)] == [
        ("job_1", "r1"),
        (None, None),
        (None, None),
    ]


def test_an_exception_is_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("failed")
    [line] = lines(written)
    assert "ValueError: broken" in line["exception"] and "Traceback" in line["exception"]


def test_text_is_for_people() -> None:
    record = logging.LogRecord("a", logging.INFO, "file", 1, "said %s", ("this",), None)
    assert logs.formatter("text", "api").format(record).endswith(" api INFO said this")
