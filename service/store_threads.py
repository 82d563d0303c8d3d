"""Threads for work that waits for the object store: one that hangs must not hold other requests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from service.contract.errors import StoreUnavailable

Wanted = ParamSpec("Wanted")
Result = TypeVar("Result")
THREADS = 16
SECONDS_TO_WAIT_FOR_A_THREAD = 5.0


class StoreThreads:
    """Of one event loop."""

    def __init__(self, patience_seconds: float = SECONDS_TO_WAIT_FOR_A_THREAD):
        self._patience_seconds = patience_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store")
        self._free = asyncio.Semaphore(THREADS)

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
            message = f"{THREADS} requests are waiting for the object store already."
            raise StoreUnavailable(message) from error
        loop = asyncio.get_running_loop()
        running = self._pool.submit(partial(work, *args, **named))
        # At the end of the thread, which goes on when the client leaves.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free.release))
        return await asyncio.wrap_future(running)

    async def stream(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (chunk := await self.run(next, chunks, None)) is not None:
            yield chunk
