"""Around every request: its id, its line in the log, and its figures.

The id is the client's X-Request-ID if that is short and plain, else a new one; the answer has it.
The line has neither query strings nor headers, because both may have secrets.
"""

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.contract import logs
from service.metrics import Metrics

HEADER = "X-Request-ID"
PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PROBES = ("/healthz", "/readyz")
MOST_CHARACTERS = 200
# The client has gone before there was an answer; nginx calls it so, too.
NO_ANSWER = 499
log = logging.getLogger("service.access")


@dataclass
class Exchange:
    """What is seen of one request and its answer."""

    request_id: str
    started: float = field(default_factory=time.monotonic)
    seconds_to_answer: float | None = None
    status: int = NO_ANSWER
    received: int = 0
    sent: int = 0


class Observing:
    """The outermost middleware: it also sees what others refuse."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        exchange = Exchange(_request_id(scope))
        with logs.about(logs.request_id, exchange.request_id):
            try:
                await self._app(scope, _watched(receive, exchange), _answering(send, exchange))
            finally:
                self._count(scope, exchange)
                _write_line(scope, exchange)

    def _count(self, scope: Scope, exchange: Exchange) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(exchange.status)).inc()
        if exchange.seconds_to_answer is not None:
            self._metrics.seconds.labels(route, method).observe(exchange.seconds_to_answer)
        self._metrics.received.inc(exchange.received)
        self._metrics.sent.inc(exchange.sent)
        if code := scope.get("state", {}).get("problem_code"):
            self._metrics.problems.labels(code).inc()


def _template(scope: Scope) -> str:
    """E.g. ``/v1/jobs/{job_id}``; ``none`` where no route matches."""
    route: str = getattr(scope.get("route"), "path", "")
    if not route:
        return "none"
    # FastAPI's route does not know the prefix of the router that it was included in.
    segments = scope["path"].split("/")
    return "/".join(segments[: len(segments) - route.count("/")]) + route


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER, "")
    return given if PLAIN_ID.fullmatch(given) else uuid.uuid4().hex


def _watched(receive: Receive, exchange: Exchange) -> Receive:
    async def watching() -> Message:
        message = await receive()
        exchange.received += len(message.get("body", b""))
        return message

    return watching


def _answering(send: Send, exchange: Exchange) -> Send:
    async def answering(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            exchange.seconds_to_answer = time.monotonic() - exchange.started
            MutableHeaders(scope=message)[HEADER] = exchange.request_id
        exchange.sent += len(message.get("body", b""))
        await send(message)

    return answering


def _write_line(scope: Scope, exchange: Exchange) -> None:
    level = logging.INFO
    if scope["path"] in PROBES and exchange.status == 200:
        level = logging.DEBUG
    told = {
        "method": scope["method"][:MOST_CHARACTERS],
        # Quoted, so that a path with a line break in it is still one line.
        "path": quote(scope["path"])[:MOST_CHARACTERS],
        "status": exchange.status,
        "milliseconds": round((time.monotonic() - exchange.started) * 1000),
        "received_bytes": exchange.received,
        "sent_bytes": exchange.sent,
    }
    line = "{method} {path} {status} in {milliseconds} ms".format(**told)
    log.log(level, line, extra={"fields": told})
