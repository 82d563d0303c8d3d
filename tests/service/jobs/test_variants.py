"""Downloads: whole, in ranges, only if the client lacks the file, or from the object store."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import Client
from sqlalchemy import update

from service.app_context import AppContext
from service.contract.records import Variant
from tests.service import stand_in

FILE = stand_in.FILES["small"]
TAG = f'"{hashlib.sha256(FILE).hexdigest()}"'


@pytest.fixture
def small(api: Client, context: AppContext, tmp_path: Path) -> str:
    return (
        "/v1/variants/"
        + stand_in.succeed(context, stand_in.submit(api, context)["id"], tmp_path)["small"]
    )


def test_metrics_are_the_row_of_the_report(api: Client, small: str) -> None:
    variant = api.get(small).json()
    assert (variant["name"], variant["bytes"], variant["metrics"]["top1"]) == (
        "small",
        len(FILE),
        0.9,
    )


def test_the_whole_file_comes_with_its_hash_and_its_name(api: Client, small: str) -> None:
    answer = api.get(f"{small}/file")
    assert (answer.status_code, answer.content) == (200, FILE)
    assert answer.headers["etag"] == TAG
    assert answer.headers["content-length"] == str(len(FILE))
    assert answer.headers["content-disposition"] == 'attachment; filename="small.tflite"'


def test_head_tells_the_length_and_the_hash_without_the_file(live: Any, tmp_path: Path) -> None:
    small = stand_in.succeed(live.context, stand_in.submit(live, live.context)["id"], tmp_path)[
        "small"
    ]
    for _ in range(2):
        answer = live.head(f"/v1/variants/{small}/file")
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", TAG)
        assert answer.headers["content-length"] == str(len(FILE))


def test_head_does_not_need_the_file(api: Client, context: AppContext, small: str) -> None:
    context.store.delete("jobs/")
    answer = api.head(f"{small}/file", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(FILE)))


def test_a_client_that_has_the_file_does_not_get_it_again(api: Client, small: str) -> None:
    for tags in (TAG, f'"other", W/{TAG}', "*"):
        answer = api.get(f"{small}/file", headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", TAG)
    assert api.get(f"{small}/file", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-9", FILE[:10]),
        ("bytes=10-", FILE[10:]),
        ("bytes=-10", FILE[-10:]),
        (f"bytes=5-{10**9}", FILE[5:]),
        (f"bytes={len(FILE) - 1}-", FILE[-1:]),
    ],
)
def test_one_range(api: Client, small: str, wanted: str, expected: bytes) -> None:
    answer = api.get(f"{small}/file", headers={"Range": wanted})
    start = (
        FILE.index(expected)
        if len(expected) > 10
        else answer.headers["content-range"].split()[1].split("-")[0]
    )
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-length"] == str(len(expected))
    assert answer.headers["content-range"].startswith(f"bytes {start}-")
    assert answer.headers["content-range"].endswith(f"/{len(FILE)}")


def test_other_ranges_get_the_whole_file(api: Client, small: str) -> None:
    for wanted in ("bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2", "bytes=a-b"):
        answer = api.get(f"{small}/file", headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (200, FILE), wanted


@pytest.mark.parametrize("wanted", [f"bytes={len(FILE)}-", f"bytes={10**17}-{10**17}", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(api: Client, small: str, wanted: str) -> None:
    answer = api.get(f"{small}/file", headers={"Range": wanted})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(FILE)}"


def test_a_range_of_another_version_gets_the_whole_file(api: Client, small: str) -> None:
    same = api.get(f"{small}/file", headers={"Range": "bytes=0-9", "If-Range": TAG})
    other = api.get(f"{small}/file", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


def test_a_redirect_leads_to_the_object_store_where_there_is_one(
    api: Client, context: AppContext, small: str
) -> None:
    answer = api.get(f"{small}/file", params={"redirect": "true"}, follow_redirects=False)
    if context.settings.s3_bucket:
        assert answer.status_code == 307
        there = httpx.get(answer.headers["location"])
        assert (there.content, there.headers["content-disposition"]) == (
            FILE,
            'attachment; filename="small.tflite"',
        )
    else:
        assert (answer.status_code, answer.content) == (200, FILE)


def test_a_file_that_is_gone_from_the_store_is_not_found(
    api: Client, context: AppContext, small: str
) -> None:
    context.store.delete("jobs/")
    answer = api.get(f"{small}/file")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_odd_file_names_survive_the_header(api: Client, context: AppContext, small: str) -> None:
    with context.sessions.begin() as session:
        session.execute(update(Variant).values(filename='größe "1".tflite'))
    header = api.get(f"{small}/file").headers["content-disposition"]
    plain = "attachment; filename=\"gr??e '1'.tflite\""
    assert header == f"{plain}; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.tflite"
