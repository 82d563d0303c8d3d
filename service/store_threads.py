"""Threads for work that waits for the object store: one that hangs must not hold other requests."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from service.contract.errors import StoreUnavailable

Wanted = ParamSpec("Wanted")
Result = TypeVar("Result")
THREADS = 16
SECONDS_TO_WAIT_FOR_A_THREAD = 5.0
HASHING_THREADS = 4
SECONDS_TO_WAIT_FOR_A_TURN = 30.0


class StoreThreads:
    """Of one event loop."""

    def __init__(
        self, threads: int = THREADS, patience_seconds: float = SECONDS_TO_WAIT_FOR_A_THREAD
    ):
        self._threads, self._patience_seconds = threads, patience_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._free = asyncio.Semaphore(threads)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(
        self, work: Callable[Wanted, Result], *args: Wanted.args, **named: Wanted.kwargs
    ) -> Result:
        """What ``work`` returns; StoreUnavailable when no thread becomes free in time."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            message = f"{self._threads} requests are waiting for the object store already."
            raise StoreUnavailable(message) from error
        loop = asyncio.get_running_loop()
        running = self._pool.submit(partial(work, *args, **named))
        # At the end of the thread, which goes on when the client leaves.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free.release))
        return await asyncio.wrap_future(running)

    async def stream(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (chunk := await self.run(next, chunks, None)) is not None:
            yield chunk


class HashingThreads:
    """Threads of their own for reading whole files; each account uses one at a time.

    Reading a file again and again costs its owner nothing: it must not hold other work.
    """

    def __init__(self, patience_seconds: float = SECONDS_TO_WAIT_FOR_A_TURN):
        self._patience_seconds = patience_seconds
        self._threads = StoreThreads(HASHING_THREADS, patience_seconds)
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def stop(self) -> None:
        self._threads.stop()

    async def run(
        self,
        account_id: str,
        work: Callable[Wanted, Result],
        *args: Wanted.args,
        **named: Wanted.kwargs,
    ) -> Result:
        """As of StoreThreads. The account's turn lasts as long as the work, not as the client."""
        return await asyncio.shield(self._in_turn(account_id, partial(work, *args, **named)))

    async def _in_turn(self, account_id: str, work: Callable[[], Result]) -> Result:
        turn = self._turns.setdefault(account_id, asyncio.Lock())
        try:
            async with asyncio.timeout(self._patience_seconds):
                await turn.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("Another upload of this account is being checked.") from error
        try:
            return await self._threads.run(work)
        finally:
            turn.release()
