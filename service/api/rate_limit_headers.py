"""Adds the headers RateLimit and RateLimit-Policy to what a request with a key is answered."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RateLimitHeaders:
    """Reads ``request.state.rate_limit``, which the dependency that checks the key has set."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope.setdefault("state", {})

        async def with_headers(message: Message) -> None:
            limit = state.get("rate_limit")
            if limit and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(limit.headers)
            await send(message)

        await self._app(scope, receive, with_headers)
