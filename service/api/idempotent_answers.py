"""Keeps what creating requests with an Idempotency-Key are answered, and answers it again."""

import asyncio
import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.idempotency import SEE_OTHER, Answer, Claim, Repeated

log = logging.getLogger(__name__)
SENT_ON: dict[int | str, dict[str, Any]] = {
    SEE_OTHER: {
        "description": "An earlier request with this Idempotency-Key has created it, and its answer"
        " was lost: GET the Location.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


class IdempotentAnswers:
    """Ends the claim ``request.state.claim``, which a dependency made, before the last byte."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        state, parts = scope.setdefault("state", {}), []

        async def keeping(message: Message) -> None:
            if claim := state.get("claim"):
                parts.append(message)
                if not message.get("more_body") and message["type"] == "http.response.body":
                    del state["claim"]
                    await asyncio.to_thread(_end, claim, parts)
            await send(message)

        try:
            await self._app(scope, receive, keeping)
        finally:
            if claim := state.pop("claim", None):
                await asyncio.to_thread(_end, claim, [])


def _end(claim: Claim, parts: list[Message]) -> None:
    """Without ``parts`` there was no answer."""
    try:
        if not parts or parts[0]["status"] >= 300:
            return claim.release()
        body = b"".join(part.get("body", b"") for part in parts[1:]).decode()
        location = Headers(scope=parts[0]).get("location")
        claim.keep(Answer(parts[0]["status"], location, body))
    except SQLAlchemyError as error:
        # The client gets its answer all the same; a repeated request is sent on, or waits.
        log.warning("could not keep the answer to a request with Idempotency-Key: %s", error)


async def answer_again(_: Request, error: Exception) -> Response:
    """The handler of Repeated: the same answer, or where to find what was created."""
    assert isinstance(error, Repeated)
    answer = error.answer
    headers = {"Location": answer.location} if answer.location else {}
    headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")
