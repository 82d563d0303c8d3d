"""What routes take as annotated parameters; the only place where Depends appears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from service import app_context
from service.accounts import accounts
from service.contract.errors import BodyIncomplete, Unauthorized
from service.contract.settings import MIB
from service.contract.views import Id
from service.jobs import events
from service.paging import Wanted
from service.uploads.receiving import Body

MOST_BYTES_DRAINED = 64 * MIB
MOST_SECONDS_DRAINING = 2.0
bearer = HTTPBearer(
    auto_error=False,
    description="An API key: `l2c serve` prints the first, POST /v1/keys makes more.",
)


async def _app_context(request: Request) -> app_context.AppContext:
    built: app_context.AppContext = request.app.state.context
    return built


AppContext = Annotated[app_context.AppContext, Depends(_app_context)]


def _account_id(
    context: AppContext,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> str:
    if credentials is None:
        raise Unauthorized("This needs an API key.")
    return accounts.account_of(context.sessions, credentials.credentials)


AccountId = Annotated[str, Depends(_account_id)]
RowId = Annotated[Id, Path(description="The id that the service gave.")]


async def _tailer(request: Request) -> events.Tailer:
    tailer: events.Tailer = request.app.state.tailer
    return tailer


Tailer = Annotated[events.Tailer, Depends(_tailer)]


def _watched_job(context: AppContext, account_id: AccountId, job_id: RowId) -> str:
    return events.watched_job(context.sessions, account_id, job_id)


WatchedJob = Annotated[str, Depends(_watched_job)]


async def _wanted(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows per page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The previous page's next_cursor.")
    ] = None,
) -> Wanted:
    return Wanted(limit, cursor)


WantedPage = Annotated[Wanted, Depends(_wanted)]


async def _body(request: Request, account_id: AccountId) -> AsyncIterator[Body]:
    """The raw body. After an error some of the rest is read and dropped, so that the client gets to
    read the answer.
    """
    chunks = request.stream()
    try:
        yield Body(_until_cut_off(chunks))
    except BodyIncomplete:
        raise
    except Exception:
        await _drain(chunks)
        raise


RawBody = Annotated[Body, Depends(_body)]


async def _until_cut_off(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except ClientDisconnect as error:
        raise BodyIncomplete("The body ended before all of it had arrived.") from error


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    dropped = 0
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(MOST_SECONDS_DRAINING):
            async for chunk in chunks:
                dropped += len(chunk)
                if dropped > MOST_BYTES_DRAINED:
                    return


async def _content_length(
    content_length: Annotated[int | None, Header(ge=0, le=2**53)] = None,
) -> int | None:
    return content_length


ContentLength = Annotated[int | None, Depends(_content_length)]


async def _content_sha256(
    x_content_sha256: Annotated[
        str | None,
        Header(pattern="^[0-9a-f]{64}$", description="SHA-256 of the body, checked when given."),
    ] = None,
) -> str | None:
    return x_content_sha256


ContentSha256 = Annotated[str | None, Depends(_content_sha256)]
