"""What one connection may cost: the bytes of a request's head, time, and a place among the others.

uvicorn itself limits neither heads nor unfinished requests: 150 MiB of one header, sent without a
key, were all kept in memory, and connections that sent nothing more stayed open for ever.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.problems import MEDIA_TYPE, describe
from service.contract.errors import (
    BodyIncomplete,
    HeadTooLarge,
    Learn2CompressError,
    MalformedRequest,
    RequestTimeout,
    TooManyConnections,
)
from service.security_headers import ON_EVERY_ANSWER

# Beyond the limit so many more are answered 503; the rest is cut off without an answer.
SURPLUS = 100
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class ConnectionLimits:
    """Of each connection, and their number. A slow body must bring ``body_bytes_per_second``."""

    connections: int = 500
    head_bytes: int = 64 * 1024
    head_seconds: float = 20.0
    idle_seconds: float = 60.0
    body_bytes_per_second: float = 500.0
    seconds_between_looks: float = 2.0


def protocol(limits: ConnectionLimits) -> Callable[..., "Connection"]:
    """What uvicorn takes as ``http``."""

    def connection(**wiring: Any) -> Connection:
        return Connection(limits, **wiring)

    return connection


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which ends requests that are too large, too slow or too many."""

    def __init__(self, limits: ConnectionLimits, **wiring: Any):
        super().__init__(**wiring)
        self._limits = limits
        self._bytes_of_head = 0
        # Each is the moment since when the client owes something; None: it owes nothing.
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._unread_since: float | None = None
        self._moved_at, self._bytes_of_body, self._unread = 0.0, 0, 0
        self._look_at: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        surplus = len(self.connections) - self._limits.connections
        if surplus > SURPLUS:
            transport.abort()
            return
        if surplus > 0:
            self.app = too_many_connections
        self._head_since = self.loop.time()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look_at:
            self._look_at.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Trailers are collected as headers are, so everything counts that is not body.
        self._bytes_of_head += len(data)
        self._bytes_of_body += len(data)
        self._moved_at = self.loop.time()
        super().data_received(data)
        if self._idle():
            # Line ends alone begin no message, but they end uvicorn's limit of idle connections.
            self._head_since = self._moved_at
        if self._bytes_of_head > self._limits.head_bytes:
            self._refuse(HeadTooLarge("The head of the request is too large."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._bytes_of_head = self._bytes_of_body = 0
        self._head_since, self._body_since = None, self.loop.time()
        if _size(self.headers) + len(self.url) > self._limits.head_bytes:
            # It came in one piece, so it can be answered like any other.
            self.app, self.url = head_too_large, b"/"
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._bytes_of_head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._bytes_of_head = 0
        self._body_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedRequest("This is not a request in HTTP/1.1."))

    def _refuse(self, error: Learn2CompressError) -> None:
        """Answer unless an answer is under way, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_as_bytes(error))
        self.transport.close()

    def _look_later(self) -> None:
        self._look_at = self.loop.call_later(self._limits.seconds_between_looks, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            # Its last bytes are not taken by the client.
            self._end_if_unread()
        elif self._head_is_late():
            self._refuse(RequestTimeout("The head of the request did not arrive in time."))
        elif self._body_is_late():
            self._refuse(BodyIncomplete("The body of the request arrives too slowly."))
        else:
            self._end_if_unread()
        self._look_later()

    def _idle(self) -> bool:
        """Whether the client owes nothing, and no answer is under way."""
        owed = self._head_since is not None or self._body_since is not None
        return not owed and (self.cycle is None or self.cycle.response_complete)

    def _head_is_late(self) -> bool:
        since = self._head_since
        return since is not None and self.loop.time() - since > self._limits.head_seconds

    def _body_is_late(self) -> bool:
        if self._body_since is None:
            return False
        now = self.loop.time()
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # The service itself is slow, or has not yet asked for the body.
            self._body_since += self._limits.seconds_between_looks
            self._moved_at = now
        if now - max(self._moved_at, self._body_since) > self._limits.idle_seconds:
            return True
        owed = (now - self._body_since - self._limits.idle_seconds) * (
            self._limits.body_bytes_per_second
        )
        return self._bytes_of_body < owed

    def _end_if_unread(self) -> None:
        """Cut off a client that has not taken a byte of its answer for too long."""
        unread = self.transport.get_write_buffer_size()
        if not unread or unread != self._unread or self._unread_since is None:
            self._unread, self._unread_since = unread, self.loop.time()
        elif self.loop.time() - self._unread_since > self._limits.idle_seconds:
            self.transport.abort()


async def too_many_connections(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(TooManyConnections("Too many connections are open."))(scope, receive, send)


async def head_too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(HeadTooLarge("The head of the request is too large."))(scope, receive, send)


def _answer(error: Learn2CompressError) -> Response:
    headers = {**ON_EVERY_ANSWER, "Cache-Control": "no-store", "Connection": "close"}
    if isinstance(error, TooManyConnections):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = describe(error).model_dump_json(exclude_none=True)
    return Response(body, error.status, headers, media_type=MEDIA_TYPE)


def _as_bytes(error: Learn2CompressError) -> bytes:
    answer = _answer(error)
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
