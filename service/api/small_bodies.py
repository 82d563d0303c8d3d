"""A limit for bodies that are read into memory, which JSON is, even before the key is checked."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import answer
from service.contract.errors import BodyTooLarge
from service.contract.settings import MIB

MOST_BYTES = 4 * MIB
FILES = re.compile(r"/v1/(models/upload|datasets/upload|uploads/[^/]+/parts/[^/]+)")


class SmallBodies:
    """Refuses bodies of more than ``MOST_BYTES``, except on paths that take files."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or FILES.fullmatch(scope["path"]):
            return await self._app(scope, receive, send)
        request = Request(scope)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MOST_BYTES:
            refusal = await answer(request, BodyTooLarge())
            return await refusal(scope, receive, send)
        await self._app(scope, _counted(receive), send)


def _counted(receive: Receive) -> Receive:
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise HTTPException(
                413
            )  # FastAPI makes a 400 of every other error while it reads a body
        return message

    return counting
