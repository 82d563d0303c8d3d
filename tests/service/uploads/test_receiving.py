"""Bodies that break off, and disks that are full while a body comes in."""

import asyncio
import errno
import hashlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.contract.object_keys import upload_prefix
from service.uploads.receiving import Body, spool
from tests.waiting import eventually


@contextmanager
def arriving(live: Any, path: str, method: str, announced: int, sent: int) -> Iterator[None]:
    """Announce more than is sent; the service has begun to receive it, until the line is cut."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {live.headers['Authorization']}\r\n"
    )
    with socket.create_connection((live.base_url.host, live.base_url.port)) as peer:
        peer.sendall(f"{head}Content-Length: {announced}\r\n\r\n".encode() + bytes(sent))
        eventually(lambda: list(live.context.settings.work_dir.iterdir()))
        yield


def cut_off(live: Any, path: str, method: str, announced: int, sent: int) -> None:
    with arriving(live, path, method, announced, sent):
        pass


def nothing_left(live: Any, upload_id: str | None = None) -> bool:
    stored = live.context.settings.data_dir / "store" / upload_prefix(upload_id or "")
    return not any(live.context.settings.work_dir.iterdir()) and not any(stored.rglob("*"))


def test_a_part_that_breaks_off_leaves_nothing_and_can_be_sent_again(live: Any) -> None:
    upload = live.post("/v1/uploads", json={"filename": "a", "bytes": 60_000}).json()
    path = f"/v1/uploads/{upload['id']}/parts/1"
    cut_off(live, path, "PUT", 60_000, 30_000)
    eventually(lambda: nothing_left(live, upload["id"]))
    assert live.get(f"/v1/uploads/{upload['id']}").json()["parts"] == []
    assert live.put(path, content=bytes(60_000)).status_code == 200


def test_a_whole_file_that_breaks_off_leaves_nothing(live: Any) -> None:
    cut_off(live, "/v1/models/upload?filename=net.h5", "POST", 900_000, 500_000)
    eventually(lambda: nothing_left(live))
    assert live.get("/v1/models").json()["items"] == []


def test_an_upload_that_arrives_in_one_request_cannot_be_completed_by_another(live: Any) -> None:
    with arriving(live, "/v1/models/upload?filename=net.h5", "POST", 900_000, 500_000):
        (upload,) = eventually(lambda: live.get("/v1/uploads").json()["items"])
        answer = live.post(f"/v1/uploads/{upload['id']}/complete", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")


def test_a_part_too_long_is_answered_although_the_client_is_still_sending(live: Any) -> None:
    upload = live.post("/v1/uploads", json={"filename": "a", "bytes": 60_000}).json()
    answer = live.put(f"/v1/uploads/{upload['id']}/parts/1", content=bytes(8_000_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "part_too_long")
    assert nothing_left(live, upload["id"])


def test_an_error_is_answered_although_the_client_stalls(live: Any) -> None:
    key = f"Authorization: {live.headers['Authorization']}"
    head = f"PUT /v1/uploads/upl_0/parts/1 HTTP/1.1\r\nHost: x\r\n{key}\r\n"
    with socket.create_connection((live.base_url.host, live.base_url.port), timeout=20) as peer:
        peer.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode() + bytes(1000))
        assert peer.recv(65536).startswith(b"HTTP/1.1 404")


async def _chunks(*sizes: int) -> AsyncIterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number]) * size


def test_a_body_is_read_in_pieces_of_the_reader_s_choice() -> None:
    async def read() -> list[bytes]:
        body = Body(_chunks(3, 4, 1))
        return [await body.read(most) for most in (2, 0, 5, 9, 9)]

    assert asyncio.run(read()) == [b"\0\0", b"", b"\0\1\1\1\1", b"\2", b""]


def test_spooling_tells_size_and_hash_and_stops_at_the_limit(tmp_path: Path) -> None:
    async def receive() -> tuple[Any, bytes]:
        body = Body(_chunks(1_000_000, 2_000_000, 500))
        return await spool(body, tmp_path, 2_500_000), await body.read(10**9)

    spooled, rest = asyncio.run(receive())
    content = bytes(1_000_000) + b"\1" * 1_500_000
    assert (spooled.size, spooled.sha256) == (2_500_000, hashlib.sha256(content).hexdigest())
    assert spooled.path.read_bytes() == content
    assert rest == b"\1" * 500_000 + b"\2" * 500


class FullDisk:
    """Fails like a write does when the disk is full."""

    def update(self, piece: bytes, /) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_while_spooling_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(spool(Body(_chunks(3_000_000)), tmp_path, 3_000_000, FullDisk()))
    assert list(tmp_path.iterdir()) == []
