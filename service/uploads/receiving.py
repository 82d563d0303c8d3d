"""From the network into a spool file, in bounded memory, hashing and writing meanwhile."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from starlette.requests import ClientDisconnect

from service.contract.errors import BodyIncomplete
from service.contract.settings import MIB

PIECE = MIB
SPOOL_PREFIX = "receiving-"
# Enough for the parts that a client has under way; a client that sends on is cut off.
MOST_BYTES_DRAINED = 64 * MIB
MOST_SECONDS_DRAINING = 2.0


class Body:
    """A request's body, read in pieces of the reader's choice."""

    def __init__(self, chunks: AsyncIterator[bytes]):
        self._chunks = chunks
        self._rest = b""

    async def read(self, most: int) -> bytes:
        """The next ``most`` bytes; fewer at the end, none after it.

        Raises BodyIncomplete for a body that is cut off.
        """
        gathered, have = [self._rest], len(self._rest)
        while have < most and (chunk := await anext(self._chunks, None)) is not None:
            gathered.append(chunk)
            have += len(chunk)
        joined = b"".join(gathered)
        self._rest = joined[most:]
        return joined[:most]


class Hash(Protocol):
    def update(self, piece: bytes, /) -> None: ...


@dataclass(frozen=True)
class Spooled:
    """A received file; its owner moves or deletes it."""

    path: Path
    size: int
    sha256: str


async def spool(body: Body, folder: Path, most: int, also: Hash | None = None) -> Spooled:
    """Write at most ``most`` bytes of the body to a new file in ``folder``.

    When this raises, the file is deleted. ``also`` is a hash over several files.
    """
    digest = hashlib.sha256()
    digests: list[Hash] = [digest, also] if also else [digest]
    with tempfile.NamedTemporaryFile(prefix=SPOOL_PREFIX, dir=folder, delete=False) as file:
        try:
            size = await _copy(body, file, most, digests)
            file.close()
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Spooled(Path(file.name), size, digest.hexdigest())


async def _copy(body: Body, file: Any, most: int, digests: list[Hash]) -> int:
    size = 0
    # One piece is hashed and written in a thread while the next one is received.
    writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    writing.set_result(None)
    try:
        while piece := await body.read(min(PIECE, most - size)):
            await writing
            writing = asyncio.ensure_future(asyncio.to_thread(_keep, piece, file, digests))
            size += len(piece)
        await writing
    finally:
        # The thread may still hold the file: it must be done before the file is closed and deleted.
        with suppress(Exception):
            await asyncio.wait([writing])
    return size


def _keep(piece: bytes, file: BinaryIO, digests: list[Hash]) -> None:
    file.write(piece)
    for digest in digests:
        digest.update(piece)


async def until_cut_off(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a request's body; raises BodyIncomplete when the connection closes early."""
    try:
        async for chunk in chunks:
            yield chunk
    except ClientDisconnect as error:
        raise BodyIncomplete("The body ended before all of it had arrived.") from error


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read and drop more of a body, for at most two seconds."""
    dropped = 0
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(MOST_SECONDS_DRAINING):
            async for chunk in chunks:
                dropped += len(chunk)
                if dropped > MOST_BYTES_DRAINED:
                    return
