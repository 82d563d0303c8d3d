"""Hostile requests as bytes, and the answers that are right."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.attacks.api_site import Site

Send = Callable[[Site], str]


@dataclass(frozen=True)
class Attempt:
    """``expected`` are answers as ``Site.ask`` tells them, of which one is right."""

    name: str
    send: Send
    expected: tuple[str, ...]


def attempt(name: str, expected: str, *pieces: bytes, pause: float = 0.0) -> Attempt:
    """Bytes to send as they are, with words such as {key} filled in."""

    def send(site: Site) -> str:
        return site.ask(*map(site.filled, pieces), pause=pause)

    return Attempt(name, send, tuple(expected.split()))


def head(method: str, target: str, *headers: str, key: str = "{key}") -> bytes:
    """The head of a request with a key, after which the server closes the connection."""
    lines = [f"{method} {target} HTTP/1.1", "Host: here", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode()


def get(name: str, expected: str, target: str, *headers: str, key: str = "{key}") -> Attempt:
    return attempt(name, expected, head("GET", target, *headers, key=key))


def post(
    name: str,
    expected: str,
    target: str,
    body: Any,
    *headers: str,
    method: str = "POST",
    key: str = "{key}",
    kind: str = "application/json",
) -> Attempt:
    """``body`` is sent as JSON, bytes as they are."""
    template = body if isinstance(body, bytes) else json.dumps(body).encode()

    def send(site: Site) -> str:
        data = site.filled(template)
        lines = (f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers)
        return site.ask(site.filled(head(method, target, *lines, key=key)) + data)

    return Attempt(name, send, tuple(expected.split()))
