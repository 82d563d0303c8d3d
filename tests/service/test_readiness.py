"""/healthz, /readyz, and requests of others while the object store is away or hangs."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from service.contract.errors import StoreUnavailable
from service.contract.records import WorkerRecord, now
from service.contract.settings import Settings
from service.store_threads import THREADS, HashingThreads, StoreThreads
from tests.servers import s3_installation
from tests.service.client_of import serving
from tests.waiting import eventually


def is_ready(api: httpx.Client) -> bool:
    return api.get("/readyz").status_code == 200


def test_it_tells_which_sandboxes_the_workers_have(live: httpx.Client) -> None:
    eventually(lambda: is_ready(live))
    assert live.get("/readyz").json()["sandboxes"] == []
    with live.context.sessions.begin() as session:  # type: ignore[attr-defined]
        for name, level in (("a", "landlock"), ("b", "landlock"), ("c", "namespaces")):
            seen = {"started_at": now(), "seen_at": now()}
            session.add(WorkerRecord(id=name, host="h", version="1", sandbox=level, **seen))
        old = {"started_at": now(), "seen_at": now() - timedelta(hours=1)}
        session.add(WorkerRecord(id="d", host="h", version="1", sandbox="off", **old))
    expected = ["landlock", "namespaces"]
    eventually(lambda: live.get("/readyz").json()["sandboxes"] == expected)


def test_a_folder_that_is_gone_is_noticed_and_its_return_too(live: httpx.Client) -> None:
    assert live.get("/healthz", headers={"Authorization": ""}).json()["status"] == "ok"
    eventually(lambda: is_ready(live))
    folder = live.context.settings.data_dir / "store"  # type: ignore[attr-defined]
    folder.rename(folder.with_name("elsewhere"))
    eventually(lambda: not is_ready(live))
    problem = live.get("/readyz", headers={"Authorization": ""}).json()
    assert (problem["status"], problem["detail"]) == (503, "The object store does not answer.")
    folder.with_name("elsewhere").rename(folder)
    eventually(lambda: is_ready(live))


@contextlib.contextmanager
def hanging(process_id: int) -> Iterator[None]:
    """The process takes connections and answers none."""
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_a_store_that_hangs_holds_no_request_that_does_not_need_it(tmp_path: Path) -> None:
    with s3_installation() as installation, installation.running() as store:
        settings = Settings(data_dir=tmp_path, **installation.server.settings("hangs"))
        with serving(settings) as api:
            eventually(lambda: is_ready(api))
            upload = api.post("/v1/uploads", json={"filename": "a", "bytes": 3}).json()["id"]
            part = f"/v1/uploads/{upload}/parts/1"
            with hanging(store.pid):
                senders = [
                    threading.Thread(target=send, args=(api, part)) for _ in range(3 * THREADS)
                ]
                for sender in senders:
                    sender.start()
                eventually(lambda: not is_ready(api))
                slowest = max(api.get("/v1/jobs").elapsed.total_seconds() for _ in range(20))
                assert slowest < 2
                assert api.get("/healthz").elapsed.total_seconds() < 2
            eventually(lambda: is_ready(api))
            for sender in senders:
                sender.join()
            assert api.put(part, content=b"abc").status_code == 200


def send(api: httpx.Client, part: str) -> None:
    """Some of these wait for the store, the others are told that it is busy."""
    headers = api.headers
    with httpx.Client(base_url=api.base_url, headers=headers, timeout=60) as own:
        assert own.put(part, content=b"abc").status_code in (200, 409, 503)


def test_no_request_waits_for_a_thread_for_long() -> None:
    async def fill() -> None:
        threads, free = StoreThreads(patience_seconds=0.2), threading.Event()
        waiting = [asyncio.create_task(threads.run(free.wait)) for _ in range(THREADS)]
        await asyncio.sleep(0)
        try:
            with pytest.raises(StoreUnavailable):
                await threads.run(list)
        finally:
            free.set()
        assert await asyncio.gather(*waiting) == [True] * THREADS
        assert await threads.run(list) == []

    asyncio.run(fill())


def test_an_account_uses_one_thread_for_hashing_also_when_its_client_leaves() -> None:
    async def hash_files() -> None:
        threads, free = HashingThreads(patience_seconds=0.2), threading.Event()
        left = asyncio.create_task(threads.run("one", free.wait))
        await asyncio.sleep(0)
        left.cancel()
        try:
            with pytest.raises(StoreUnavailable):
                await threads.run("one", list)
            assert await threads.run("two", list) == []
        finally:
            free.set()
        assert await threads.run("one", list) == []

    asyncio.run(hash_files())
