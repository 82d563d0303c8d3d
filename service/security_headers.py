"""Headers that tell browsers to trust an answer as little as possible, on every answer."""

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'"
ON_EVERY_ANSWER = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": NOTHING,
}
PAGE = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self'{}; frame-ancestors 'none'"
)
PAGES = ("/docs", "/docs/oauth2-redirect")
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """Adds what an answer does not set itself. JSON of /v1 is not to be stored by any cache."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        adding = _to_page if scope["path"] in PAGES else _to_answer
        await self._app(scope, receive, adding(scope["path"], send))


def _to_answer(path: str, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ON_EVERY_ANSWER.items():
                headers.setdefault(name, value)
            if path.startswith("/v1/") and "json" in headers.get("content-type", ""):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


def _to_page(path: str, send: Send) -> Send:
    """A page of the documentation may run its own scripts: files, and inline ones by hash."""
    start: list[Message] = []

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        if start:
            first = start.pop()
            headers = MutableHeaders(scope=first)
            headers["Content-Security-Policy"] = PAGE.format(_hashes(message.get("body", b"")))
            await _to_answer(path, send)(first)
        await send(message)

    return sending


def _hashes(page: bytes) -> str:
    digests = (hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(page))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
