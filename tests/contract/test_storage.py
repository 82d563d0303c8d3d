"""Both stores keep the same promises; the object store is a real one."""

import errno
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from service.contract.directory_store import DirectoryStore
from service.contract.errors import StoreUnavailable
from service.contract.object_keys import attempt_prefix, checkpoint_key, part_key
from service.contract.s3_store import S3Store
from service.contract.settings import MIB, Settings
from service.contract.storage import Store, open_store
from tests.waiting import eventually


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    given: dict[str, Any] = request.getfixturevalue("s3") if request.param == "s3" else {}
    return open_store(Settings(data_dir=tmp_path, **given))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def put(store: Store, key: str, content: bytes, file: Path) -> None:
    file.write_bytes(content)
    store.put(key, file)


def test_what_is_put_can_be_read_and_measured_and_fetched(store: Store, file: Path) -> None:
    content = os.urandom(3 * MIB + 7)
    put(store, "a/b", content, file)
    assert not file.exists()
    assert b"".join(store.read("a/b")) == content
    assert store.size("a/b") == len(content)
    store.get("a/b", file)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 1),
        (3, 7),
        (0, None),
        (9, None),
        (5, 5),
        (MIB - 1, MIB + 1),
        (0, 99 * MIB),
        (3 * MIB, None),
    ],
)
def test_a_range_is_what_a_slice_would_be(
    store: Store, file: Path, start: int, end: int | None
) -> None:
    content = os.urandom(2 * MIB)
    put(store, "key", content, file)
    assert b"".join(store.read("key", start, end)) == content[start:end]


def test_put_replaces(store: Store, file: Path) -> None:
    for content in (b"a longer first", b"second"):
        put(store, "key", content, file)
    assert b"".join(store.read("key")) == b"second"


def test_an_empty_object_is_one(store: Store, file: Path) -> None:
    put(store, "key", b"", file)
    assert store.size("key") == 0
    assert b"".join(store.read("key")) == b""


def test_a_missing_key_is_file_not_found(store: Store, file: Path) -> None:
    for attempt in (
        lambda: store.get("no", file),
        lambda: store.read("no"),
        lambda: store.size("no"),
    ):
        with pytest.raises(FileNotFoundError):
            attempt()
    assert not file.exists()


def test_delete_takes_a_prefix_and_leaves_its_neighbours(store: Store, file: Path) -> None:
    for key in ("jobs/1/a", "jobs/1/deep/b", "jobs/10/a"):
        put(store, key, b"x", file)
    store.delete("jobs/1/")
    with pytest.raises(FileNotFoundError):
        store.size("jobs/1/deep/b")
    assert store.size("jobs/10/a") == 1


def test_nothing_is_deleted_while_the_folder_is_away(tmp_path: Path, file: Path) -> None:
    store = DirectoryStore(tmp_path / "mounted")
    (tmp_path / "mounted").mkdir()
    put(store, "jobs/1/a", b"1", file)
    (tmp_path / "mounted").rename(tmp_path / "elsewhere")
    for prefix in ("jobs/1/", "jobs/1/a"):
        with pytest.raises(StoreUnavailable):
            store.delete(prefix)


def test_an_object_of_the_size_of_a_part_is_sent_in_one_request(
    s3: dict[str, Any], tmp_path: Path, file: Path
) -> None:
    """Of one that is sent in several, a killed process leaves pieces that no list shows."""
    store = S3Store(Settings(data_dir=tmp_path, **s3))
    store.check()
    calls: list[str] = []
    store.client.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    put(store, "uploads/1/1", bytes(Settings().part_bytes), file)
    assert calls == ["PutObject"]


def test_delete_takes_one_key(store: Store, file: Path) -> None:
    put(store, "jobs/1/a", b"x", file)
    store.delete("jobs/1/a")
    with pytest.raises(FileNotFoundError):
        store.size("jobs/1/a")


def test_deleting_nothing_is_no_error(store: Store) -> None:
    store.delete("nothing/here/")
    store.delete("nothing/here")


def test_a_link_works_without_credentials_or_there_is_none(store: Store, file: Path) -> None:
    put(store, "key", b"tflite", file)
    url = store.url("key", "small.tflite")
    if isinstance(store, DirectoryStore):
        assert url is None
        return
    with urllib.request.urlopen(str(url), timeout=10) as answer:
        assert answer.read() == b"tflite"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="small.tflite"'
    with urllib.request.urlopen(str(store.url("key", 'kä"se.tflite')), timeout=10) as answer:
        name = "filename=\"k?'se.tflite\"; filename*=UTF-8''k%C3%A4%22se.tflite"
        assert answer.headers["Content-Disposition"] == f"attachment; {name}"


def is_forbidden(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.code == 403
    return False


def test_each_link_is_new_and_ends_soon(s3: dict[str, Any], tmp_path: Path, file: Path) -> None:
    store = S3Store(Settings(data_dir=tmp_path, s3_link_seconds=2, **s3))
    store.check()
    put(store, "key", b"tflite", file)
    first = str(store.url("key", "small.tflite"))
    assert "X-Amz-Expires=2&" in first
    eventually(lambda: is_forbidden(first))
    with urllib.request.urlopen(str(store.url("key", "small.tflite")), timeout=10) as answer:
        assert answer.read() == b"tflite"


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/passwd"])
def test_no_key_leaves_the_directory(tmp_path: Path, file: Path, key: str) -> None:
    with pytest.raises(ValueError, match="leaves the store"):
        put(DirectoryStore(tmp_path / "store"), key, b"x", file)


def test_a_full_disk_is_enospc_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    store = DirectoryStore(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "key").write_bytes(b"old")
    with pytest.raises(OSError) as caught:
        store.get("key", Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC


def test_a_bucket_is_made_once(s3: dict[str, Any], file: Path) -> None:
    settings = Settings(**s3)
    first, second = open_store(settings), open_store(settings)
    assert isinstance(first, S3Store)
    put(first, "key", b"x", file)
    assert second.size("key") == 1


def test_parts_sort_by_their_number() -> None:
    assert part_key("upl_1", 9, "f") < part_key("upl_1", 10, "e") < part_key("upl_1", 100_000, "d")


def test_attempts_never_share_a_key() -> None:
    assert not attempt_prefix("job_1", 12).startswith(attempt_prefix("job_1", 1))
    assert checkpoint_key("job_1", 1, 11) != checkpoint_key("job_1", 11, 1)
